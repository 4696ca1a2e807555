"""Which utterances form a batch, and in what order: similar lengths together, repeatably."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from moeasr.errors import InputError


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """Size of batches."""

    max_frames: int = 16000
    """Frames in a batch, padding counted: utterances times the longest of them."""
    max_utts: int | None = None
    """Utterances in a batch; null is no limit but `max_frames`."""
    num_buckets: int = 20
    """Classes of length that utterances are drawn from: more of them means less padding, fewer
    means batches that mix more."""
    window_shards: int | None = None
    """Shards that batches are drawn from at a time (`--data-type shard` only), so that these are
    read from end to end: for disks and networks that are slow to search. null draws from the whole
    set, as for stored features."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InputError: A value outside its range.
        """
        for name in ("max_frames", "max_utts", "num_buckets", "window_shards"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be 1 or more, but is {value}")


@dataclass(frozen=True)
class BatchList(Sequence[list[int]]):
    """Batches as lists of utterance indices, in three arrays.

    As Python lists, those of a million utterances would be 50 MB in each process that reads them.

    Attributes:
        order: (N,) utterances, those of a batch next to each other.
        ends: (M + 1,) where in `order` each of M batches ends, after a 0.
        turns: (L,) the batches, in the order of their turns; a batch may have several or none.
    """

    order: np.ndarray
    ends: np.ndarray
    turns: np.ndarray

    def __len__(self) -> int:
        """Number of turns."""
        return len(self.turns)

    def __getitem__(self, turn: int | slice) -> "list[int] | BatchList":
        """The batch whose turn it is; or the list of some turns."""
        if isinstance(turn, slice):
            return BatchList(self.order, self.ends, self.turns[turn])
        batch = self.turns[turn]
        return self.order[self.ends[batch] : self.ends[batch + 1]].tolist()


class BatchSampler(Protocol):
    """Decides which utterances form a batch, and in what order."""

    def batches(self, epoch: int) -> BatchList:
        """The batches of this rank in an epoch; the same list whenever it is asked for."""
        ...


class BucketBatchSampler:
    """Batches of one rank, epoch by epoch.

    The list of all ranks' batches is a pure function of (seed, epoch) and of the lengths; rank r
    takes every `world_size`-th of it from the r-th on. Ranks get equally many, so that none waits
    for another at the end of an epoch: the list is filled up with batches from its start.

    Neighbouring batches have utterances from all over the set, which solid-state disks and what is
    in memory do not mind; `ShardWindowSampler` is for storage that does.

    Args:
        num_frames: Length of each utterance, frames.
        config: Size of batches.
        seed: Of the shuffling.
        rank: This process.
        world_size: How many processes there are.
        shuffle: False gives the longest utterances first, the same every epoch: for development
            and test sets, where too little memory should show at once.
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
        self._num_frames = np.asarray(num_frames, dtype=np.int64)
        self._config = config
        self._seed = seed
        self._rank = rank
        self._world_size = world_size
        self._shuffle = shuffle
        self._latest: tuple[int, BatchList] | None = None

    def batches(self, epoch: int) -> BatchList:
        """The batches of this rank in `epoch`."""
        if self._latest is None or self._latest[0] != epoch:
            self._latest = epoch, self._make_batches(epoch)
        return self._latest[1]

    def _make_batches(self, epoch: int) -> BatchList:
        everything = self._global_batches(epoch)
        turns = everything.turns
        places = np.arange(self._rank, len(turns), self._world_size)
        if self._shuffle and len(turns):
            num_turns = -(-len(turns) // self._world_size)
            places = (np.arange(num_turns) * self._world_size + self._rank) % len(turns)
        return BatchList(everything.order, everything.ends, turns[places])

    def _global_batches(self, epoch: int) -> BatchList:
        """The batches of all ranks; each utterance is in exactly one."""
        if self._shuffle:
            generator = np.random.default_rng(np.random.SeedSequence([self._seed, epoch]))
            return shuffled_batches(self._num_frames, self._config, generator)
        order = np.argsort(-self._num_frames, kind="stable")
        ends = _cut(self._num_frames[order], self._config)
        return BatchList(order, ends, np.arange(len(ends) - 1))


def shuffled_batches(
    num_frames: np.ndarray, config: BatchConfig, generator: np.random.Generator
) -> BatchList:
    """Each of N utterances in one batch, with others of similar length, in an order by lot.

    Args:
        num_frames: (N,) their lengths.
        config: Size of batches.
        generator: Of the lots.
    """
    by_length = np.argsort(num_frames, kind="stable")
    buckets = np.array_split(by_length, config.num_buckets)
    # one run over all buckets: a batch that a bucket leaves half full goes on in the next
    order = np.concatenate([generator.permutation(bucket) for bucket in buckets])
    ends = _cut(num_frames[order], config)
    return BatchList(order, ends, generator.permutation(len(ends) - 1))


def _cut(num_frames: np.ndarray, config: BatchConfig) -> np.ndarray:
    """Where to cut utterances into runs within the limits; one utterance always may stand.

    Args:
        num_frames: (N,) their lengths, in order.
        config: The limits.

    Returns:
        As `BatchList.ends`.
    """
    max_utts = config.max_utts or len(num_frames)
    ends = [0]
    longest = 0
    for place, length in enumerate(num_frames.tolist()):
        longest = max(longest, length)
        size = place - ends[-1] + 1
        if size > 1 and (size * longest > config.max_frames or size > max_utts):
            ends.append(place)
            longest = length
    if len(num_frames):
        ends.append(len(num_frames))
    return np.array(ends, dtype=np.int64)
