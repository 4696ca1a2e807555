"""Results of threads, in order."""

import threading
import time

import pytest

from moeasr.audio.threads import in_threads
from moeasr.errors import InputError


def test_results_come_in_the_order_of_the_items():
    """Each call but the last waits for the one after it to begin."""
    begun = [threading.Event() for _ in range(4)]

    def square(number: int) -> int:
        begun[number].set()
        assert number == 3 or begun[number + 1].wait(60)
        return number**2

    assert list(in_threads(square, range(4), 4)) == [0, 1, 4, 9]


def test_no_more_calls_run_at_a_time_than_there_are_threads():
    running, most = threading.Semaphore(2), []

    def call(number: int) -> bool:
        most.append(running.acquire(blocking=False))
        time.sleep(0.005)
        running.release()
        return most[-1]

    assert all(in_threads(call, range(8), 2))


def test_an_error_in_a_thread_does_not_wait_for_the_others():
    """One of them may wait for a program that never answers."""
    others_ended = threading.Event()

    def call(number: int) -> None:
        if number == 0:
            raise InputError("0 is not liked")
        others_ended.wait(120)

    before = time.monotonic()
    with pytest.raises(InputError, match="^0 is not liked$"):
        list(in_threads(call, range(4), 2))
    assert time.monotonic() - before < 60
    others_ended.set()
