"""Batches in order, read in the background."""

import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch.utils.data import DataLoader, Dataset

from moeasr.data.batch import Batch, Example, collate
from moeasr.data.dataset import AsrDataset
from moeasr.data.sampler import BucketBatchSampler
from moeasr.errors import InputError


def batch_stream(
    dataset: AsrDataset,
    sampler: BucketBatchSampler,
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
    remaining = sampler.batches(epoch)[start_batch:]
    loader = DataLoader(
        _CarriedErrors(dataset),
        batch_sampler=[[(epoch, index) for index in batch] for batch in remaining],
        num_workers=num_workers,
        collate_fn=_collate,
        worker_init_fn=_leave_sigterm_to_trainer,
        # its own: the loader would draw its workers' seed from the global generator, and a run
        # resumed amid an epoch would then be one draw ahead of an unbroken one
        generator=torch.Generator(),
    )
    with _sigterm_blocked():  # until each worker, once started, has said that it ignores it
        batches = iter(loader)
    try:
        for batch in batches:
            if isinstance(batch, InputError):
                raise batch
            yield batch
    finally:
        # now: an error's traceback would keep it, and workers that outlive their queues never end
        del batches


@contextmanager
def _sigterm_blocked() -> Iterator[None]:
    """Hold SIGTERM back, here and in the processes that are started meanwhile."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_sigterm_to_trainer(worker: int) -> None:
    """Batch systems signal the whole process group; the trainer still wants its batches then."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


class _CarriedErrors(Dataset):
    """Gives an InputError instead of raising it.

    DataLoader would wrap what a worker raises into a paragraph of traceback.
    """

    def __init__(self, dataset: AsrDataset) -> None:
        self._dataset = dataset

    def __getitem__(self, key: tuple[int, int]) -> Example | InputError:
        try:
            return self._dataset[key]
        except InputError as error:
            return error


def _collate(examples: Sequence[Example | InputError]) -> Batch | InputError:
    for example in examples:
        if isinstance(example, InputError):
            return example
    return collate(examples)
