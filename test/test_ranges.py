"""Ranges of config values."""

import math

import pytest

from moeasr.errors import InputError
from moeasr.ranges import (
    MAX_SIZE,
    check_blocks,
    check_fraction,
    check_heads,
    check_size,
    check_weight,
)


@pytest.mark.parametrize(
    ("check", "allowed", "refused"),
    [
        (check_size, [(1,), (MAX_SIZE,), (0, 0), (7, 1, 7)], [(0,), (MAX_SIZE + 1,), (8, 1, 7)]),
        (check_fraction, [(0.0,), (1.0,)], [(-0.01,), (1.01,), (math.nan,)]),
        (check_weight, [(0.0,), (1e9,)], [(-0.01,), (math.inf,), (math.nan,)]),
        (check_heads, [(8, "heads", 4), (8, "heads", 8)], [(8, "heads", 3), (0, "heads", 4)]),
    ],
)
def test_bounds_are_allowed_and_what_lies_beyond_is_named(check, allowed, refused):
    for values in allowed:
        check("key", *values)
    for values in refused:
        with pytest.raises(InputError, match=f"^`key` must be .*, but is {values[0]}$"):
            check("key", *values)


def test_a_number_of_heads_is_positive():
    with pytest.raises(InputError, match="^`heads` must be at least 1, but is 0$"):
        check_heads("key", 8, "heads", 0)


def test_blocks_ascend_from_one():
    for numbers in ((), (1,), (1, 3)):
        check_blocks("key", numbers)
    for numbers in ((0,), (2, 2), (3, 1)):
        with pytest.raises(InputError, match=r"^`key` must be ascending .* but is \["):
            check_blocks("key", numbers)
    with pytest.raises(InputError, match=r"but is \[\]"):
        check_blocks("key", (), at_least=1)
