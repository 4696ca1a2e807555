"""Loader of batches in order, in background processes."""

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
    """Yield the batches of one epoch, in the sampler's order for any number of workers.

    Args:
        dataset: The dataset of examples.
        sampler: The sampler that groups examples into batches.
        epoch: Number of the epoch.
        start_batch: Number of batches processed before an interruption, which are not loaded again.
        num_workers: Number of processes that read ahead; 0 reads in this process.

    Raises:
        InputError: An example cannot be read. The error is raised when it is the batch's turn.
    """
    batches = sampler.batches(epoch)
    make = partial(_make_batch, dataset, batches, epoch)
    return in_background(make, range(start_batch, len(batches)), num_workers)


def _make_batch(
    dataset: AsrDataset, batches: Sequence[Sequence[int]], epoch: int, number: int
) -> Batch:
    return collate([dataset[epoch, index] for index in batches[number]])
