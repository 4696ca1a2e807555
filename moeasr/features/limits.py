"""The sample rates and changes of speed that are taken for those of speech."""

from moeasr.errors import InputError

MIN_RATE_HZ, MAX_RATE_HZ = 1000, 1_000_000
"""Speech needs 8000 Hz, and no recorder exceeds 768 kHz. A header outside of the range is damaged,
and to believe it would cost memory: a second at 1 Hz is a single sample, and becomes 16 000."""

MIN_SPEED, MAX_SPEED = 0.1, 10.0
"""Beyond these nothing of speech is left; and a factor of 0.001 would make hours of a minute."""


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
