"""Bounds of sample rates and speed factors."""

from moeasr.errors import InputError

MIN_RATE_HZ, MAX_RATE_HZ = 1000, 1_000_000
"""Lowest and highest sample rate, Hz. Speech is recorded at 8 kHz to 768 kHz, so a header with a
rate outside this range is damaged. Resampling from such a rate could need unlimited memory."""

MIN_SPEED, MAX_SPEED = 0.1, 10.0
"""Lowest and highest speed factor. Outside this range the result no longer sounds like speech, and
a very small factor turns a minute into hours."""


def check_rate(rate_hz: int, name: str) -> None:
    """Raise `InputError` unless a sample rate lies within the range.

    Args:
        rate_hz: The rate, Hz.
        name: The recording or command, for the message.
    """
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise InputError(
            f"{name} has a sample rate of {rate_hz} Hz, which is not between {MIN_RATE_HZ} and "
            f"{MAX_RATE_HZ} Hz (is the header damaged?)"
        )


def check_new_rate(rate_hz: int) -> None:
    """Raise `InputError` unless the target rate of resampling, in Hz, lies within the range."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise InputError(
            f"the sample rate must be between {MIN_RATE_HZ} and {MAX_RATE_HZ} Hz, but is {rate_hz}"
        )


def check_speed(factor: float) -> None:
    """Raise `InputError` unless a speed factor lies within the range."""
    if not MIN_SPEED <= factor <= MAX_SPEED:
        raise InputError(
            f"the speed factor must be between {MIN_SPEED:g} and {MAX_SPEED:g}, but is {factor:g}"
        )
