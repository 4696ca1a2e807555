"""The time that a training takes, summed over the sessions of a training that was resumed."""

import json
import time
from pathlib import Path

from moeasr.atomic import atomic_path
from moeasr.strict_json import to_json

NAME, KEY = "training_time.json", "training_sec"


class TrainingTime:
    """Number of seconds of a training, stored in `training_time.json` of the experiment.

    `save` is called whenever `last.pt` is written. The time after the state in `last.pt` does not
    count, because a resumed session repeats that work. If earlier sessions left no file, none is
    written: the time of a part would look like the time of the whole training.

    Args:
        exp_dir: The directory of the experiment.
        is_resumed: True if the time of earlier sessions is added.
    """

    def __init__(self, exp_dir: Path, is_resumed: bool) -> None:
        self._path = exp_dir / NAME
        self._earlier_sec = _read(self._path) if is_resumed else 0.0
        self._start_sec = time.monotonic()

    def seconds(self) -> float | None:
        """Return the duration so far, including earlier sessions; None if it is not known."""
        if self._earlier_sec is None:
            return None
        return self._earlier_sec + time.monotonic() - self._start_sec

    def save(self, seconds: float | None) -> None:
        """Write the duration of the training up to the state in `last.pt`, unless it is None."""
        if seconds is None:
            return
        with atomic_path(self._path) as temporary:
            temporary.write_text(to_json({KEY: round(seconds, 3)}) + "\n", encoding="utf-8")


def _read(path: Path) -> float | None:
    """Return the seconds of earlier sessions; None if not known."""
    try:
        return float(json.loads(path.read_bytes())[KEY])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
