"""Results of threads: their order, and the number of items taken ahead."""

import threading
import time

import pytest

from moeasr.audio import threads
from moeasr.audio.threads import in_threads
from moeasr.errors import InputError

pytestmark = pytest.mark.usefixtures("fails_rather_than_hangs")


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
    """A thread may wait for a program that never returns."""
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


def test_few_items_are_taken_ahead_of_the_results(monkeypatch):
    """A million queued calls would take a gigabyte."""
    monkeypatch.setattr(threads, "NUM_AHEAD", 3)
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = in_threads(lambda number: number * number, items(), num_threads=2)
    assert [next(results) for _ in range(10)] == [n * n for n in range(10)]
    assert len(taken) == 10 + 6 - 1
    assert list(results) == [n * n for n in range(10, 100)]


def test_an_error_is_raised_at_the_turn_of_its_result():
    def half(number):
        return 10 // number

    results = in_threads(half, [5, 2, 0, 1], num_threads=2)
    assert [next(results), next(results)] == [2, 5]
    with pytest.raises(ZeroDivisionError):
        next(results)
