"""The range of sample rates that are taken for those of audio."""

from moeasr.errors import InputError

MIN_RATE_HZ = 1000
MAX_RATE_HZ = 1_000_000
"""Speech needs 8000 Hz, and no recorder exceeds 768 kHz. A header outside of the range is damaged,
and to believe it would cost memory: a second at 1 Hz is a single sample, and becomes 16 000."""


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
