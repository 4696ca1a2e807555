"""Bounds of sample rates and speed factors."""

from moeasr.errors import InputError

MIN_RATE_HZ, MAX_RATE_HZ = 1000, 1_000_000
"""Lowest and highest sample rate, Hz. Recorders of speech use 8 kHz to 768 kHz, so a header outside
this range is damaged. Resampling from such a rate could need any amount of memory."""

MIN_SPEED, MAX_SPEED = 0.1, 10.0
"""Lowest and highest speed factor. Outside this range the result is no longer speech, and a very
small factor turns a minute into hours."""


def check_rate(rate_hz: int, name: str) -> None:
    """Raise `InputError` unless a sample rate lies within the range.

    Args:
        rate_hz: The rate, Hz.
        name: The recording or command that has it, for the message.
    """
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise InputError(
            f"{name} has a sample rate of {rate_hz} Hz, but audio has between {MIN_RATE_HZ} and "
            f"{MAX_RATE_HZ} Hz (is its header damaged?)"
        )


def check_new_rate(rate_hz: int) -> None:
    """Raise `InputError` unless a sample rate to resample to, Hz, lies within the range."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise InputError(
            f"the sample rate must be {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, but is {rate_hz}"
        )


def check_speed(factor: float) -> None:
    """Raise `InputError` unless a change of speed lies within the range."""
    if not MIN_SPEED <= factor <= MAX_SPEED:
        raise InputError(f"speed factor must be {MIN_SPEED:g} to {MAX_SPEED:g}, but is {factor:g}")
