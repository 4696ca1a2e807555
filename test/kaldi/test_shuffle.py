"""The shuffle of Kaldi's shuffle_list.pl."""

from itertools import islice

import pytest

from moeasr.kaldi.shuffle import drand48, shuffled


def test_numbers_are_those_of_posix():
    """The numbers are those of `srand48(0)` and `srand48(1)` in glibc."""
    assert list(islice(drand48(0), 3)) == pytest.approx(
        [0.17082803610628972, 0.7499019804849638, 0.09637165562356742], abs=0
    )
    assert next(drand48(1)) == pytest.approx(0.0416303447718782, abs=1e-16)
    assert next(drand48(2**32 + 1)) == next(drand48(1))


def test_items_are_sorted_by_their_numbers():
    assert shuffled("abc") == ["c", "a", "b"]
    assert sorted(shuffled(range(100))) == list(range(100))
    assert shuffled(range(100), seed=1) != shuffled(range(100))
    assert shuffled([]) == []
