"""Sampler of batches from a few shards at a time, so that shards are read sequentially."""

from collections.abc import Sequence

import numpy as np

from moeasr.data.sampler import BatchConfig, BatchList, deal, training_batches
from moeasr.errors import InputError
from moeasr.plurals import counted


class ShardWindowSampler:
    """A sampler that draws the batches of one rank from windows of `window_shards` shards.

    A disk or a network file system reads whole files many times faster than pieces from all over
    the corpus. Each epoch therefore shuffles the shards and distributes them over the ranks. One
    process (and its workers) reads each shard once, one window after the other, and batches of
    similar lengths are formed within a window. `make_shards` fills shards with random utterances,
    so that a window of a few shards is diverse, and contains enough utterances of similar length.

    The usual alternative, a stream through shuffle and sort buffers, can neither tell the number of
    batches nor resume within an epoch. Here the lengths are known in advance, and the list of
    batches is a pure function of seed, epoch, lengths and shards. A training can resume at any
    batch. All ranks have equally many batches: a rank with fewer repeats its first batches.

    If a training resumes within an epoch with another number of processes, the remaining utterances
    of all shards form the windows of the rest of this epoch. Its batches are dealt to the ranks, so
    that each rank reads every remaining shard.

    Args:
        num_frames: (N,) length of each utterance, frames.
        shards: (N,) number of the shard that contains each utterance.
        config: Size of batches and of the window.
        seed: Seed of the shuffling.
        rank: Rank of this process.
        world_size: Number of processes.

    Raises:
        InputError: There are fewer shards than processes.
    """

    def __init__(
        self,
        num_frames: np.ndarray,
        shards: np.ndarray,
        config: BatchConfig,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._num_frames = num_frames
        self._by_shard = np.argsort(shards, kind="stable").astype(np.int32)
        _, starts = np.unique(shards[self._by_shard], return_index=True)
        self._starts = np.append(starts, len(shards))
        self._config = config
        self._seed = seed
        self._rank = rank
        self._world_size = world_size
        self._latest: tuple[int, BatchList] | None = None
        self._parts: dict[int, Sequence[tuple[int, int]]] = {}
        if self._num_shards < world_size:
            shards = counted(self._num_shards, "shard is", "shards are")
            raise InputError(
                f"`data.batch.window_shards`: {shards} too few for {world_size} processes; make "
                "smaller shards, or set this key to null"
            )

    def batches(self, epoch: int) -> BatchList:
        """Return the batches of this rank in `epoch`."""
        if self._latest is None or self._latest[0] != epoch:
            self._latest = epoch, self._make_batches(epoch)
        return self._latest[1]

    @property
    def _num_shards(self) -> int:
        return len(self._starts) - 1

    def leave_out(self, epoch: int, parts: Sequence[tuple[int, int]]) -> None:
        """Leave out of an epoch what other numbers of processes have finished."""
        self._parts = {epoch: parts}
        self._latest = None

    def _make_batches(self, epoch: int) -> BatchList:
        if epoch in self._parts:
            return deal(self._rest(epoch, self._parts[epoch]), self._rank, self._world_size)
        return self._shares(epoch, self._world_size)[self._rank]

    def _rest(self, epoch: int, parts: Sequence[tuple[int, int]]) -> BatchList:
        """Return the batches that remain after parts of an epoch, of all ranks together."""
        (num_processes, num_batches), *later = parts
        is_open = np.ones(len(self._num_frames), dtype=bool)
        for share in self._shares(epoch, num_processes):
            for batch in share[:num_batches]:
                is_open[batch] = False
        if not is_open.any():
            return BatchList(np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int64))
        lots = self._generator(epoch).permutation(self._num_shards)
        rest = self._share(lots, epoch, self._generator(epoch, num_processes), is_open)
        return rest[sum(world_size * count for world_size, count in later) :]

    def _shares(self, epoch: int, world_size: int) -> list[BatchList]:
        """Return the batches of all ranks of a number of processes."""
        lots = self._generator(epoch).permutation(self._num_shards)
        shares = [
            self._share(lots[rank::world_size], epoch, self._generator(epoch, rank))
            for rank in range(world_size)
        ]
        num_turns = max(map(len, shares))
        return [BatchList(s.order, s.ends, np.resize(s.turns, num_turns)) for s in shares]

    def _generator(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self._seed, *numbers]))

    def _share(
        self,
        shards: np.ndarray,
        epoch: int,
        generator: np.random.Generator,
        is_wanted: np.ndarray | None = None,
    ) -> BatchList:
        """Return the batches of shards, window after window.

        Args:
            shards: Numbers of the shards.
            epoch: Number of the epoch.
            generator: Random number generator.
            is_wanted: (N,) bool, False for utterances that are left out; None for all utterances.
        """
        size = self._config.window_shards or len(shards)
        orders, ends, turns = [], [np.zeros(1, np.int64)], []
        for first in range(0, len(shards), size):
            members = [self._indices(shard) for shard in shards[first : first + size].tolist()]
            indices = np.concatenate(members)
            if is_wanted is not None:
                indices = indices[is_wanted[indices]]
            if not len(indices):
                continue
            window = training_batches(self._num_frames[indices], self._config, epoch, generator)
            turns.append(window.turns + sum(map(len, turns)))
            ends.append(window.ends[1:] + sum(map(len, orders)))
            orders.append(indices[window.order])
        return BatchList(np.concatenate(orders), np.concatenate(ends), np.concatenate(turns))

    def _indices(self, shard: int) -> np.ndarray:
        return self._by_shard[self._starts[shard] : self._starts[shard + 1]]
