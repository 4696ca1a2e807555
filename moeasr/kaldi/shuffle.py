"""The shuffle of Kaldi's shuffle_list.pl, number for number, so that splits come out the same."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def drand48(seed: int) -> Iterator[float]:
    """Numbers in [0, 1) of the POSIX generator drand48, which Perl's rand is.

    Args:
        seed: As for srand48; its lowest 32 bits count.
    """
    state = ((seed & 0xFFFFFFFF) << 16) + 0x330E
    while True:
        state = (0x5DEECE66D * state + 0xB) % (1 << 48)
        yield state / (1 << 48)


def shuffled(items: Sequence[Item], seed: int = 0) -> list[Item]:
    """Put items into the order of their random numbers.

    The numbers are compared as text of 15 digits, as Perl's `cmp` does.
    """
    numbers = [f"{number:.15g}" for number, _ in zip(drand48(seed), items)]
    return [items[index] for index in sorted(range(len(items)), key=numbers.__getitem__)]
