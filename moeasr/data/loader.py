"""Batches in order, read in the background."""

from collections.abc import Generator, Sequence
from functools import partial

from moeasr.data.background import in_background
from moeasr.data.batch import Batch, collate
from moeasr.data.dataset import AsrDataset
from moeasr.data.sampler import BatchSampler


def batch_stream(
    dataset: AsrDataset,
    sampler: BatchSampler,
    epoch: int,
    start_batch: int,
    num_workers: int,
) -> Generator[Batch, None, None]:
    """The batches of one epoch, in the sampler's order whatever the number of workers.

    Args:
        dataset: Where examples come from.
        sampler: Which examples form a batch.
        epoch: The epoch.
        start_batch: How many batches were seen before an interruption: they are not loaded again.
        num_workers: Processes that read ahead; 0 reads in this one.

    Raises:
        InputError: An example cannot be read; raised when its batch's turn has come.
    """
    batches = sampler.batches(epoch)
    make = partial(_make_batch, dataset, batches, epoch)
    return in_background(make, range(start_batch, len(batches)), num_workers)


def _make_batch(
    dataset: AsrDataset, batches: Sequence[Sequence[int]], epoch: int, number: int
) -> Batch:
    return collate([dataset[epoch, index] for index in batches[number]])
