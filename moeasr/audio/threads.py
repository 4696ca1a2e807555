"""Ordered results of calls in threads, for work that waits for files or programs."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

NUM_AHEAD = 64
"""Maximum number of calls per thread that are queued, or done but not yet yielded. A million queued
calls would take a gigabyte."""


def in_threads(
    function: Callable[[ItemT], ResultT], items: Iterable[ItemT], num_threads: int
) -> Generator[ResultT, None, None]:
    """Yield the results of a function for all items, in order.

    An error, including one raised by a signal, does not wait for running calls. Otherwise a program
    that never returns would make the signal ineffective.

    Args:
        function: Function to call.
        items: Arguments of the calls.
        num_threads: Number of calls at the same time.
    """
    pool = ThreadPoolExecutor(num_threads)
    calls: deque[Future[ResultT]] = deque()
    try:
        for item in items:
            calls.append(pool.submit(function, item))
            if len(calls) >= NUM_AHEAD * num_threads:
                yield calls.popleft().result()
        while calls:
            yield calls.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
