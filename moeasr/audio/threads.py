"""Results that threads compute, in order: for work that waits for files and programs."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

NUM_AHEAD = 64
"""Calls per thread that are waiting or done before their results are asked for. A million calls
that wait are a gigabyte."""


def in_threads(
    function: Callable[[ItemT], ResultT], items: Iterable[ItemT], num_threads: int
) -> Generator[ResultT, None, None]:
    """Yield the results of a function for all items, in their order.

    An error, also one that a signal raises here, does not wait for calls that have begun: a program
    that never answers would take the signal's effect away.

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
