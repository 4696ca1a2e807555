"""Range checks of config values, whose error messages name the key and its value."""

import math
from collections.abc import Sequence
from itertools import pairwise

from moeasr.errors import InputError

MAX_SIZE = 1_000_000
"""Largest accepted size. A larger value is a typing error that would exhaust all memory."""


def check_size(name: str, value: int, minimum: int = 1, maximum: int = MAX_SIZE) -> None:
    """Raise `InputError` unless a size or a count lies between `minimum` and `maximum`."""
    if value < minimum:
        raise InputError(f"`{name}` must be at least {minimum}, but is {value}")
    if value > maximum:
        raise InputError(f"`{name}` must be at most {maximum}, but is {value}")


def check_count(name: str, value: int | None) -> None:
    """Raise `InputError` unless a number is None or a whole number from 1 to `MAX_SIZE`."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"`{name}` must be a whole number, but is {value!r}")
    check_size(name, value)


def check_fraction(name: str, value: float) -> None:
    """Raise `InputError` unless a value lies between 0 and 1."""
    if not 0.0 <= value <= 1.0:
        raise InputError(f"`{name}` must be between 0 and 1, but is {value}")


def check_weight(name: str, value: float) -> None:
    """Raise `InputError` unless the weight of a loss is finite and not negative."""
    if not 0 <= value < math.inf:
        raise InputError(f"`{name}` must be 0 or more, but is {value}")


def check_heads(name: str, width: int, heads_name: str, num_heads: int) -> None:
    """Raise `InputError` unless a width can be divided evenly among attention heads."""
    check_size(heads_name, num_heads)
    if width < 1 or width % num_heads:
        raise InputError(
            f"`{name}` must be a multiple of `{heads_name}` ({num_heads}), but is {width}"
        )


def check_blocks(name: str, numbers: Sequence[int], at_least: int = 0) -> None:
    """Raise `InputError` unless there are ascending numbers of blocks, `at_least` so many."""
    if len(numbers) < at_least or any(one >= other for one, other in pairwise((0, *numbers))):
        raise InputError(
            f"`{name}` must be ascending numbers of encoder blocks, from 1, but is {list(numbers)}"
        )
