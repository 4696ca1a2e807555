"""Work for other processes, its results in order: batches above all."""

import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from moeasr.data.batch import Batch, collate
from moeasr.data.dataset import AsrDataset
from moeasr.data.sampler import BatchSampler
from moeasr.errors import InputError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


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


def in_background(
    function: Callable[[ItemT], ResultT], items: Sequence[ItemT], num_workers: int
) -> Generator[ResultT, None, None]:
    """The results of a function for items, in their order.

    Args:
        function: What is called; it must be possible to pickle it.
        items: With what.
        num_workers: Processes that work ahead; 0 works in this one.

    Raises:
        InputError: The function raised one, at its result's turn; or a process was killed.
    """
    loader = DataLoader(
        _CarriedErrors(function),
        sampler=items,
        batch_size=None,
        num_workers=num_workers,
        collate_fn=_as_it_is,
        worker_init_fn=_leave_sigterm_to_trainer,
        # its own: the loader would draw its workers' seed from the global generator, and a run
        # resumed amid an epoch would then be one draw ahead of an unbroken one
        generator=torch.Generator(),
    )
    with _sigterm_blocked():  # until each worker, once started, has said that it ignores it
        results = iter(loader)
    try:
        for result in results:
            if isinstance(result, InputError):
                raise result
            yield result
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise InputError(
            f"a process that reads data was killed: {str(error).splitlines()[0]} (is there enough "
            "memory, in /dev/shm too? fewer workers need less)"
        ) from None
    finally:
        # now: an error's traceback would keep it, and workers that outlive their queues never end
        del results


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


class _CarriedErrors(Dataset, Generic[ItemT, ResultT]):
    """Gives an InputError instead of raising it.

    DataLoader would wrap what a worker raises into a paragraph of traceback.
    """

    def __init__(self, function: Callable[[ItemT], ResultT]) -> None:
        self._function = function

    def __getitem__(self, item: ItemT) -> ResultT | InputError:
        try:
            return self._function(item)
        except InputError as error:
            return error


def _as_it_is(result: ResultT) -> ResultT:
    return result
