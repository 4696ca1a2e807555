"""Ranges that the values of a config must lie in; each fault is one sentence with key and value."""

import math

from moeasr.errors import InputError

MAX_SIZE = 1_000_000
"""A bound above every network that can be trained. What is beyond it is a slip of the pen, which
would take all memory."""


def check_size(name: str, value: int, minimum: int = 1, maximum: int = MAX_SIZE) -> None:
    """Refuse a size or a number of parts that is too small or absurdly large.

    Raises:
        InputError: It is.
    """
    if value < minimum:
        raise InputError(f"`{name}` must be at least {minimum}, but is {value}")
    if value > maximum:
        raise InputError(f"`{name}` must be at most {maximum}, but is {value}")


def check_fraction(name: str, value: float) -> None:
    """Refuse what is not between 0 and 1.

    Raises:
        InputError: It is not.
    """
    if not 0.0 <= value <= 1.0:
        raise InputError(f"`{name}` must be between 0 and 1, but is {value}")


def check_weight(name: str, value: float) -> None:
    """Refuse a weight of a loss that is negative or not finite.

    Raises:
        InputError: It is.
    """
    if not 0 <= value < math.inf:
        raise InputError(f"`{name}` must be 0 or more, but is {value}")


def check_heads(name: str, width: int, num_heads: int) -> None:
    """Refuse a width that cannot be divided among heads.

    Raises:
        InputError: It cannot.
    """
    if num_heads < 1 or width < 1 or width % num_heads:
        raise InputError(f"`{name}` must be a multiple of the number of heads, but is {width}")
