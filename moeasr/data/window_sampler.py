"""Batches for shards that should be read from end to end: a few shards at a time."""

import numpy as np

from moeasr.data.sampler import BatchConfig, BatchList, shuffled_batches
from moeasr.errors import InputError


class ShardWindowSampler:
    """Batches of one rank, epoch by epoch, drawn from a window of `window_shards` shards at a time.

    A disk or a network file system gives whole files many times as fast as pieces from all over
    the corpus. So each epoch shuffles the shards and deals them out to the ranks: each shard is
    read once, by one process (and its workers), one window after the other, and batches by length
    are formed within a window. Shards are fair samples of the set (`make_shards` fills them by
    lot), so a window of a few is diverse, and a few thousand utterances are enough to find some of
    equal length.

    What is usual instead, a stream through shuffle and sort buffers, knows neither how many batches
    there will be nor how to go on amid an epoch. Here lengths are known beforehand: the list of
    batches is a pure function of seed, epoch, lengths and shards, a resumed run goes on anywhere in
    it, and ranks have equally many batches, as with `BucketBatchSampler`: who has fewer repeats
    some from the start.

    Args:
        num_frames: (N,) length of each utterance, frames.
        shards: (N,) the number of the shard it is in.
        config: Size of batches and window.
        seed: Of the shuffling.
        rank: This process.
        world_size: How many processes there are.

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
        self._by_shard = np.argsort(shards, kind="stable")
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
                f"{world_size} processes; make smaller ones, or set it to null"
            )

    def batches(self, epoch: int) -> BatchList:
        """The batches of this rank in `epoch`."""
        if self._latest is None or self._latest[0] != epoch:
            self._latest = epoch, self._make_batches(epoch)
        return self._latest[1]

    @property
    def _num_shards(self) -> int:
        return len(self._starts) - 1

    def _make_batches(self, epoch: int) -> BatchList:
        lots = self._generator(epoch).permutation(self._num_shards)
        shares = [
            self._share(lots[rank :: self._world_size], self._generator(epoch, rank))
            for rank in range(self._world_size)
        ]
        num_turns = max(map(len, shares))
        mine = shares[self._rank]
        return BatchList(mine.order, mine.ends, np.resize(mine.turns, num_turns))

    def _generator(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self._seed, *numbers]))

    def _share(self, shards: np.ndarray, generator: np.random.Generator) -> BatchList:
        """The batches of the shards of one rank, window after window."""
        size = self._config.window_shards or len(shards)
        orders, ends, turns = [], [np.zeros(1, np.int64)], []
        for first in range(0, len(shards), size):
            members = [self._indices(shard) for shard in shards[first : first + size].tolist()]
            indices = np.concatenate(members)
            window = shuffled_batches(self._num_frames[indices], self._config, generator)
            turns.append(window.turns + sum(map(len, turns)))
            ends.append(window.ends[1:] + sum(map(len, orders)))
            orders.append(indices[window.order])
        return BatchList(np.concatenate(orders), np.concatenate(ends), np.concatenate(turns))

    def _indices(self, shard: int) -> np.ndarray:
        return self._by_shard[self._starts[shard] : self._starts[shard + 1]]
