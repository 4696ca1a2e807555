"""Ranges of the numbers that people give: processes, threads, seeds."""

import argparse
import os

from moeasr.errors import InputError

MAX_SEED = 2**63 - 1
"""PyTorch's generators take this much, and some room above it for the ranks of a training."""


def max_processes() -> int:
    """Return the largest number of processes or threads that can be meant on this machine.

    Some more than processors do no harm: lists of options are written for larger machines.
    """
    return max(128, 8 * (os.cpu_count() or 1))


def check_num_processes(name: str, value: int) -> None:
    """Raise `InputError` unless the value of a config's key is a number of processes, or 0."""
    if not 0 <= value <= max_processes():
        raise InputError(f"`{name}` must be between 0 and {max_processes()}, but is {value}")


def num_processes(text: str) -> int:
    """Return the number of processes or threads that an option gives; a type for argparse."""
    return _whole_number(text, 1, max_processes())


def seed(text: str) -> int:
    """Return the seed that an option gives; a type for argparse."""
    return _whole_number(text, 0, MAX_SEED)


def _whole_number(text: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, but is '{text}'") from None
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"must be between {least} and {most}, but is {text}")
    return value
