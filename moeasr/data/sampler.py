"""Samplers, which group utterances of similar length into batches in a reproducible order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from moeasr.batch_plan import cut_batches, longest_first
from moeasr.errors import InputError
from moeasr.ranges import check_size


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """Limits of the size of a batch, in frames and in utterances."""

    max_frames: int = 16000
    """Maximum number of frames in a batch, including padding: the number of utterances times the
    length of the longest one."""
    max_utts: int | None = None
    """Maximum number of utterances in a batch; null means that only `max_frames` limits it."""
    num_buckets: int = 20
    """Number of length classes (buckets) from which batches are drawn. More buckets mean less
    padding; fewer buckets mean batches with more varied lengths."""
    short_first_epochs: int = 0
    """Number of epochs, from the first, in which batches are in ascending order of their longest
    utterance (SortaGrad of Deep Speech 2, arXiv 1512.02595). With `window_shards`,
    they are in this order within each window of shards, which is read together."""
    window_shards: int | None = None
    """Number of shards from which batches are drawn at a time (`--data-type shard` only), so that
    shards are read sequentially, for disks and networks with slow random access. null draws from
    the whole set, as for stored features."""

    def __post_init__(self) -> None:
        """Check the ranges of the fields.

        Raises:
            InputError: A value is out of range.
        """
        check_size("num_buckets", self.num_buckets)
        for name in ("max_frames", "max_utts", "window_shards"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be 1 or more, but is {value}")
        if self.short_first_epochs < 0:
            raise InputError(
                f"`short_first_epochs` must be 0 or more, but is {self.short_first_epochs}"
            )


@dataclass(frozen=True)
class BatchList(Sequence[list[int]]):
    """A sequence of batches, each a list of utterance indices, stored in three arrays.

    As Python lists, the batches of a million utterances would take 50 MB in each loader process.

    Attributes:
        order: (N,) indices of utterances, with those of a batch next to each other.
        ends: (M + 1,) positions in `order` at which the M batches end, preceded by a 0.
        turns: (L,) indices of batches in the order in which they are processed. A batch may appear
            several times or not at all.
    """

    order: np.ndarray
    ends: np.ndarray
    turns: np.ndarray

    def __len__(self) -> int:
        """Return the number of turns L."""
        return len(self.turns)

    def __getitem__(self, turn: int | slice) -> "list[int] | BatchList":
        """Return the batch of a turn, or the `BatchList` of a slice of turns."""
        if isinstance(turn, slice):
            return BatchList(self.order, self.ends, self.turns[turn])
        batch = self.turns[turn]
        return self.order[self.ends[batch] : self.ends[batch + 1]].tolist()


class BatchSampler(Protocol):
    """An object that groups utterances into batches and orders the batches."""

    def batches(self, epoch: int) -> BatchList:
        """Return the batches of this rank in an epoch; every call returns the same list."""
        ...

    def leave_out(self, epoch: int, parts: Sequence[tuple[int, int]]) -> None:
        """Leave out of an epoch what other numbers of processes have finished.

        Args:
            epoch: Number of the epoch.
            parts: Pairs of a number of processes and the number of batches that each of them has
                finished, in the order of the runs.
        """
        ...


def deal(batches: BatchList, rank: int, world_size: int) -> BatchList:
    """Return every `world_size`-th batch, starting with number `rank`, for equally many turns.

    The last turn of some ranks repeats a batch from the start of the list if it has too few.
    """
    num_turns = -(-len(batches) // world_size)
    places = (np.arange(num_turns) * world_size + rank) % max(len(batches), 1)
    return BatchList(batches.order, batches.ends, batches.turns[places])


class BucketBatchSampler:
    """A sampler that draws the batches of one rank from the whole set.

    The list of all ranks' batches is a pure function of (seed, epoch) and the lengths. Rank r takes
    every `world_size`-th batch, starting with the r-th. The list is extended with batches from its
    start, so that all ranks have equally many batches and none waits at the end of an epoch.

    Successive batches contain utterances from the whole set. This suits solid-state disks and data
    in memory. For storage with slow random access, use `ShardWindowSampler`.

    Args:
        num_frames: Length of each utterance, frames.
        config: Size of batches.
        seed: Seed of the shuffling.
        rank: Rank of this process.
        world_size: Number of processes.
        shuffle: Whether to shuffle. False gives the longest utterances first in every epoch, for
            development and test sets: if memory is too small, the first batch fails.
    """

    def __init__(
        self,
        num_frames: Sequence[int] | np.ndarray,
        config: BatchConfig,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        shuffle: bool = True,
    ) -> None:
        self._num_frames = np.asarray(num_frames)
        self._config = config
        self._seed = seed
        self._rank = rank
        self._world_size = world_size
        self._shuffle = shuffle
        self._latest: tuple[int, BatchList] | None = None
        self._num_done: dict[int, int] = {}

    def batches(self, epoch: int) -> BatchList:
        """Return the batches of this rank in `epoch`."""
        if self._latest is None or self._latest[0] != epoch:
            self._latest = epoch, self._make_batches(epoch)
        return self._latest[1]

    def leave_out(self, epoch: int, parts: Sequence[tuple[int, int]]) -> None:
        """Leave out of an epoch what other numbers of processes have finished."""
        num_done = sum(num_processes * num_batches for num_processes, num_batches in parts)
        self._num_done = {epoch: num_done}
        self._latest = None

    def _make_batches(self, epoch: int) -> BatchList:
        remaining = self._global_batches(epoch)[self._num_done.get(epoch, 0) :]
        if self._shuffle:
            return deal(remaining, self._rank, self._world_size)
        return remaining[self._rank :: self._world_size]

    def _global_batches(self, epoch: int) -> BatchList:
        """Return the batches of all ranks; each utterance is in exactly one batch."""
        if self._shuffle:
            generator = np.random.default_rng(np.random.SeedSequence([self._seed, epoch]))
            return training_batches(self._num_frames, self._config, epoch, generator)
        order = longest_first(self._num_frames)
        ends = cut_batches(self._num_frames[order], self._config.max_frames, self._config.max_utts)
        return BatchList(order, ends, np.arange(len(ends) - 1))


def training_batches(
    num_frames: np.ndarray, config: BatchConfig, epoch: int, generator: np.random.Generator
) -> BatchList:
    """Group N utterances into batches of similar lengths, in random order or the shortest first.

    Args:
        num_frames: (N,) lengths of the utterances, frames.
        config: Size of batches, and number of epochs with the shortest utterances first.
        epoch: Number of the epoch, from 1.
        generator: Random number generator.
    """
    by_length = np.argsort(num_frames, kind="stable").astype(np.int32)
    buckets = np.array_split(by_length, config.num_buckets)
    # cut all buckets as one sequence: a batch may continue in the next bucket
    order = np.concatenate([generator.permutation(bucket) for bucket in buckets])
    ends = cut_batches(num_frames[order], config.max_frames, config.max_utts)
    turns = generator.permutation(len(ends) - 1)
    if 1 <= epoch <= config.short_first_epochs:
        longest = np.maximum.reduceat(num_frames[order], ends[:-1])
        turns = turns[np.argsort(longest[turns], kind="stable")]
    return BatchList(order, ends, turns)
