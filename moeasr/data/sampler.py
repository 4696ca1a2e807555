"""Which utterances form a batch, and in what order: similar lengths together, repeatably."""

from collections.abc import Sequence
from dataclasses import dataclass

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

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InputError: A value outside its range.
        """
        for name in ("max_frames", "max_utts", "num_buckets"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be 1 or more, but is {value}")


class BucketBatchSampler:
    """Batches of one rank, epoch by epoch.

    The list of all ranks' batches is a pure function of (seed, epoch) and of the lengths; rank r
    takes every `world_size`-th of it from the r-th on. Ranks get equally many, so that none waits
    for another at the end of an epoch: the list is filled up with batches from its start.

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
        num_frames: Sequence[int],
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

    def batches(self, epoch: int) -> list[list[int]]:
        """The batches of this rank in `epoch`, as lists of utterance indices."""
        everything = self._global_batches(epoch)
        if not self._shuffle or not everything:
            return everything[self._rank :: self._world_size]
        num_batches = -(-len(everything) // self._world_size) * self._world_size
        return [
            everything[i % len(everything)]
            for i in range(self._rank, num_batches, self._world_size)
        ]

    def _global_batches(self, epoch: int) -> list[list[int]]:
        """The batches of all ranks; each utterance is in exactly one."""
        if not self._shuffle:
            return self._cut(np.argsort(-self._num_frames, kind="stable"))
        generator = np.random.default_rng(np.random.SeedSequence([self._seed, epoch]))
        by_length = np.argsort(self._num_frames, kind="stable")
        buckets = np.array_split(by_length, self._config.num_buckets)
        # one run over all buckets: a batch that a bucket leaves half full goes on in the next
        batches = self._cut(np.concatenate([generator.permutation(bucket) for bucket in buckets]))
        return [batches[i] for i in generator.permutation(len(batches))]

    def _cut(self, order: np.ndarray) -> list[list[int]]:
        """Cut `order` into runs that stay within the limits; one utterance always may stand."""
        config = self._config
        max_utts = config.max_utts or len(order)
        batches: list[list[int]] = []
        batch: list[int] = []
        longest = 0
        for index, num_frames in zip(order.tolist(), self._num_frames[order].tolist()):
            longest = max(longest, num_frames)
            too_many = (len(batch) + 1) * longest > config.max_frames or len(batch) >= max_utts
            if batch and too_many:
                batches.append(batch)
                batch, longest = [], num_frames
            batch.append(index)
        if batch:
            batches.append(batch)
        return batches
