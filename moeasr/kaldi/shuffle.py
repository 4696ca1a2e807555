"""The shuffle of Kaldi's shuffle_list.pl, reproduced exactly so that subsets are the same."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def drand48(seed: int) -> Iterator[float]:
    """Yield the numbers in [0, 1) of the POSIX generator drand48, which Perl's rand uses.

    Args:
        seed: The seed, as for srand48; only its lowest 32 bits are used.
    """
    state = ((seed & 0xFFFFFFFF) << 16) + 0x330E
    while True:
        state = (0x5DEECE66D * state + 0xB) % (1 << 48)
        yield state / (1 << 48)


def shuffled(items: Sequence[Item], seed: int = 0) -> list[Item]:
    """Sort items by random numbers.

    The numbers are compared as strings with 15 digits, as by Perl's `cmp`.
    """
    numbers = [f"{number:.15g}" for number, _ in zip(drand48(seed), items)]
    return [items[index] for index in sorted(range(len(items)), key=numbers.__getitem__)]
