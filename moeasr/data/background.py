"""Ordered results that other processes compute ahead of time.

Each of n workers is a fork of this process. It computes every n-th item and writes the results to
its own pipe. A worker waits while its pipe is full, so few results are in memory at a time. The
processes share no locks and no memory. If a worker fails, this process reads an error or the end of
file from its pipe. A worker ends by itself when the process that reads its pipe is gone.
"""

import atexit
import fcntl
import io
import multiprocessing
import multiprocessing.util  # registers its exit function, which waits for children, before ours
import os
import pickle
import signal
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, BinaryIO, NamedTuple, TypeVar

import torch

from moeasr.errors import InputError, describe

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

GRACE_SEC = 5.0
"""Time that workers have to finish their current item when no more results are needed."""

PIPE_BYTES = 1 << 20
"""Size of a worker's pipe, which limits how far ahead it computes small results. Of results larger
than its pipe, a worker holds two."""

ADVICE = "fewer processes (`train.num_workers`, `--nj`) need less memory"


def in_background(
    function: Callable[[ItemT], ResultT], items: Sequence[ItemT], num_workers: int
) -> Generator[ResultT, None, None]:
    """Yield the results of a function for all items, in their order.

    Args:
        function: Function to call. Its results can be pickled, and their tensors are on the CPU.
        items: Arguments of the calls.
        num_workers: Number of processes that compute ahead; 0 computes in this process.

    Raises:
        InputError: The function raised an error, or a worker was killed. The error is raised when
            it is the turn of the failed result. A worker converts any error except `InputError`
            and `OSError` into an `InputError` with the type and text of the error.
        OSError: The function raised an `OSError` about a file.
    """
    if num_workers == 0:
        yield from map(function, items)
        return
    with _started(function, items, min(num_workers, len(items))) as workers:
        for number in range(len(items)):
            has_failed, value = _receive(workers[number % len(workers)])
            if has_failed:
                raise value
            yield value


class _Worker(NamedTuple):
    process: multiprocessing.Process
    outcomes: BinaryIO


@contextmanager
def _started(
    function: Callable[[ItemT], ResultT], items: Sequence[ItemT], num_workers: int
) -> Iterator[list[_Worker]]:
    """Start workers, each for every `num_workers`-th item, and end them after the `with` block."""
    workers: list[_Worker] = []
    stop = partial(_stop, workers)
    # Python waits for its children when it ends, even if a generator was never closed.
    atexit.register(stop)
    try:
        try:
            for first in range(num_workers):
                _start(workers, function, items[first::num_workers])
        except Exception as error:
            raise InputError(
                f"background process {len(workers) + 1} of {num_workers} cannot be started: "
                f"{describe(error)}; {ADVICE}"
            ) from None
        yield workers
    finally:
        atexit.unregister(stop)
        stop()


def _start(
    workers: list[_Worker], function: Callable[[ItemT], ResultT], items: Sequence[ItemT]
) -> None:
    """Start a worker and append it to the list."""
    read_end, write_end = os.pipe()
    outcomes = open(read_end, "rb")  # noqa: SIM115
    with open(write_end, "wb", buffering=0) as sink:  # only the worker keeps it open
        with suppress(OSError):  # the user's limit for pipes may be reached: a small pipe suffices
            fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        readers = [*(worker.outcomes for worker in workers), outcomes]
        process = multiprocessing.get_context("fork").Process(
            target=_work, args=(function, items, sink, readers), daemon=True
        )
        # SIGTERM is blocked until the worker, once started, ignores it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            process.start()
        except Exception:
            outcomes.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    workers.append(_Worker(process, outcomes))


def _stop(workers: list[_Worker]) -> None:
    """End workers after their current items, or kill them after GRACE_SEC."""
    for worker in workers:
        worker.outcomes.close()
    deadline = time.monotonic() + GRACE_SEC
    try:
        for worker in workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()


def _receive(worker: _Worker) -> tuple[bool, Any]:
    """Return the next outcome of a worker.

    Raises:
        InputError: The worker has died.
    """
    try:
        return pickle.load(worker.outcomes)
    except (EOFError, pickle.UnpicklingError):  # the latter if the pipe ends within an outcome
        worker.process.join(GRACE_SEC)
        code = worker.process.exitcode
        if code is not None and code < 0:
            raise InputError(
                f"a background process was killed by {signal.Signals(-code).name}; "
                f"is there enough memory? {ADVICE}"
            ) from None
        raise InputError(
            f"a background process ended early with status {code} and reported no error; to find "
            "the cause, run again without background processes (`train.num_workers: 0`, `--nj 1`)"
        ) from None


def _work(
    function: Callable[[ItemT], ResultT],
    items: Sequence[ItemT],
    sink: BinaryIO,
    readers: Sequence[BinaryIO],
) -> None:
    """Compute and write the outcome of every item; this is the main function of a worker."""
    # Batch systems and terminals send signals to the whole process group; the parent handles them.
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    torch.set_num_threads(1)  # a fork has none of its parent's threads
    for reader in readers:  # if they stayed open here, workers would not notice the parent's end
        reader.close()
    # One outcome is written while the next one is computed. Writing raises OSError when the reader
    # is gone.
    with suppress(OSError), ThreadPoolExecutor(1) as writer:
        written = writer.submit(bytes)
        for item in items:
            outcome = _outcome(function, item)
            written.result()
            written = writer.submit(_write, sink, outcome)
        written.result()


def _write(sink: BinaryIO, outcome: bytes) -> None:
    """Write a whole outcome, waiting for the reader whenever the pipe is full."""
    rest = memoryview(outcome)
    while rest:
        rest = rest[sink.write(rest) :]


def _outcome(function: Callable[[ItemT], ResultT], item: ItemT) -> bytes:
    """Return the pickled outcome of a call: (False, its result) or (True, its error)."""
    try:
        return _pickled((False, function(item)))
    except InputError as error:
        failure: Exception = InputError(str(error))
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is not None:
            failure = OSError(error.errno, error.strerror, error.filename)
        else:
            failure = InputError(describe(error))
    return _pickled((True, failure))


def _pickled(value: object) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    """A pickler that stores tensors as NumPy arrays, many times faster than PyTorch's pickling."""

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, torch.Tensor):
            return torch.from_numpy, (value.numpy(),)
        return NotImplemented
