"""Work for other processes, its results in order."""

import signal
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from moeasr.errors import InputError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


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
        OSError: Likewise.
    """
    with warnings.catch_warnings():  # of more processes than cores: the user has asked for them
        warnings.filterwarnings("ignore", "This DataLoader will create")
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
            if isinstance(result, (InputError, OSError)):
                raise result
            yield result
    except (RuntimeError, EOFError, ConnectionError) as error:  # by when its death is noticed
        reason = (str(error).splitlines() or ["it went away"])[0]
        if isinstance(error, RuntimeError) and "DataLoader worker" not in reason:
            raise
        raise InputError(
            f"a process that reads data was killed: {reason} (is there enough memory, in /dev/shm "
            "too? fewer workers need less)"
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
    """Gives an error about input, or of a disk, instead of raising it.

    DataLoader would wrap what a worker raises into a paragraph of traceback.
    """

    def __init__(self, function: Callable[[ItemT], ResultT]) -> None:
        self._function = function

    def __getitem__(self, item: ItemT) -> ResultT | InputError | OSError:
        try:
            return self._function(item)
        except (InputError, OSError) as error:
            return error


def _as_it_is(result: ResultT) -> ResultT:
    return result
