"""Ranges of the numbers that users give as options."""

import argparse
import os

from moeasr.errors import InputError

MAX_SEED = 2**63 - 1
"""Largest seed. PyTorch's generators accept it plus the rank of a training process."""

TIMEOUT_SEC = 1800
"""Default of the longest time that a process of a training waits for the others."""
MAX_TIMEOUT_SEC = 10**6

MAX_COUNT = 10**8
MIN_VOCAB_SIZE = 4
"""Smallest vocabulary: three special units and one other."""
MIN_MEL_BINS = 7
"""Smallest number of filters of which the two convolutions of the front end leave one bin."""


def max_processes() -> int:
    """Return the largest plausible number of processes or threads on this machine.

    It exceeds the number of processors, because options may have been written for a larger machine.
    """
    return max(128, 8 * (os.cpu_count() or 1))


def check_num_processes(name: str, value: int) -> None:
    """Raise `InputError` unless the value of a config key is 0 or a plausible process count."""
    if not 0 <= value <= max_processes():
        raise InputError(f"`{name}` must be between 0 and {max_processes()}, but is {value}")


def num_processes(text: str) -> int:
    """Convert the text of an option to a number of processes, for `type` of argparse."""
    return _whole_number(text, 1, max_processes())


def seed(text: str) -> int:
    """Convert the text of an option to a seed, for `type` of argparse."""
    return _whole_number(text, 0, MAX_SEED)


def count(text: str) -> int:
    """Convert the text of an option to a number of things, for `type` of argparse."""
    return _whole_number(text, 1, MAX_COUNT)


def vocab_size(text: str) -> int:
    """Convert the text of an option to a number of units, for `type` of argparse."""
    return _whole_number(text, MIN_VOCAB_SIZE, MAX_COUNT)


def num_mel_bins(text: str) -> int:
    """Convert the text of an option to a number of mel bins, for `type` of argparse."""
    return _whole_number(text, MIN_MEL_BINS, MAX_COUNT)


def num_seconds(text: str) -> int:
    """Convert the text of an option to a time limit in seconds, for `type` of argparse."""
    return _whole_number(text, 1, MAX_TIMEOUT_SEC)


def _whole_number(text: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, but is '{text}'") from None
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"must be between {least} and {most}, but is {text}")
    return value
