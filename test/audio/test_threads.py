"""Results of threads: their order, and how far ahead items are taken."""

import pytest

from moeasr.audio import threads
from moeasr.audio.threads import in_threads

pytestmark = pytest.mark.usefixtures("fails_rather_than_hangs")


def test_few_items_are_taken_ahead_of_the_results(monkeypatch):
    """A million calls that wait would be a gigabyte."""
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


def test_an_error_comes_at_its_results_turn():
    def half(number):
        return 10 // number

    results = in_threads(half, [5, 2, 0, 1], num_threads=2)
    assert [next(results), next(results)] == [2, 5]
    with pytest.raises(ZeroDivisionError):
        next(results)
