"""Sampler of batches from a few shards at a time, so that shards are read sequentially."""

import numpy as np

from moeasr.data.sampler import BatchConfig, BatchList, training_batches
from moeasr.errors import InputError


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
        if self._num_shards < world_size:
            raise InputError(
                f"`data.batch.window_shards`: {self._num_shards} shards are too few for "
                f"{world_size} processes; make smaller shards, or set this key to null"
            )

    def batches(self, epoch: int) -> BatchList:
        """Return the batches of this rank in `epoch`."""
        if self._latest is None or self._latest[0] != epoch:
            self._latest = epoch, self._make_batches(epoch)
        return self._latest[1]

    @property
    def _num_shards(self) -> int:
        return len(self._starts) - 1

    def _make_batches(self, epoch: int) -> BatchList:
        lots = self._generator(epoch).permutation(self._num_shards)
        num_turns = 0
        for rank in range(self._world_size):
            generator = self._generator(epoch, rank)
            share = self._share(lots[rank :: self._world_size], epoch, generator)
            num_turns = max(num_turns, len(share))
            if rank == self._rank:
                mine = share
        return BatchList(mine.order, mine.ends, np.resize(mine.turns, num_turns))

    def _generator(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self._seed, *numbers]))

    def _share(self, shards: np.ndarray, epoch: int, generator: np.random.Generator) -> BatchList:
        """Return the batches of the shards of one rank, window after window."""
        size = self._config.window_shards or len(shards)
        orders, ends, turns = [], [np.zeros(1, np.int64)], []
        for first in range(0, len(shards), size):
            members = [self._indices(shard) for shard in shards[first : first + size].tolist()]
            indices = np.concatenate(members)
            window = training_batches(self._num_frames[indices], self._config, epoch, generator)
            turns.append(window.turns + sum(map(len, turns)))
            ends.append(window.ends[1:] + sum(map(len, orders)))
            orders.append(indices[window.order])
        return BatchList(np.concatenate(orders), np.concatenate(ends), np.concatenate(turns))

    def _indices(self, shard: int) -> np.ndarray:
        return self._by_shard[self._starts[shard] : self._starts[shard + 1]]
