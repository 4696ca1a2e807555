"""The duration of trainings from before the trainer recorded it, computed from their logs."""

import time
from pathlib import Path

_SESSION_START = " train: parameters: "
"""Pattern of the first line that each session of a training logs."""
_STAMP_FORM, _STAMP_LENGTH = "%Y-%m-%d %H:%M:%S", 19


def logged_training_time(log: Path) -> float | None:
    """Return the seconds between the first and the last line of each session in a `train.log`.

    The log holds all sessions of a training that was stopped and resumed.

    Returns:
        The sum over sessions, or None if there is no log or no session in it.
    """
    if not log.is_file():
        return None
    total, previous = None, 0.0
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            now = time.mktime(time.strptime(line[:_STAMP_LENGTH], _STAMP_FORM))
        except ValueError:  # a further line of a message
            continue
        if _SESSION_START in line:
            total = total or 0.0
        elif total is not None:
            total += now - previous
        previous = now
    return total
