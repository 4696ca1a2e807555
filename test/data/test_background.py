"""Work for other processes."""

import os
import warnings

import pytest

from moeasr.data.background import in_background
from moeasr.errors import InputError


def half(number: int) -> float:
    if number == 7:
        raise InputError("7 is not liked")
    return number / 2


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_results_come_in_order_and_an_error_at_its_turn(num_workers):
    results = in_background(half, [4, 2, 9, 7, 1], num_workers)
    assert [next(results) for _ in range(3)] == [2.0, 1.0, 4.5]
    with pytest.raises(InputError, match="^7 is not liked$"):
        next(results)


def test_more_processes_than_cores_are_nobodys_business():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(in_background(half, [1, 2], os.cpu_count() + 1)) == [0.5, 1.0]
