"""The time that a training has taken, over all the sessions in which it was stopped and resumed."""

import json
import time
from pathlib import Path

from moeasr.atomic import atomic_path
from moeasr.strict_json import to_json

NAME, KEY = "training_time.json", "training_sec"


class TrainingTime:
    """Seconds spent on a training, kept in `training_time.json` of the experiment.

    The time of a session counts up to the last call of `save`, which is made whenever `last.pt` is
    written: what a later session has to do again is not counted twice. A resumed training whose
    earlier sessions have left no such file gets none, because a part would look like the whole.

    Args:
        exp_dir: The experiment's directory.
        is_resumed: Whether earlier sessions count.
    """

    def __init__(self, exp_dir: Path, is_resumed: bool) -> None:
        self._path = exp_dir / NAME
        self._earlier_sec = _read(self._path) if is_resumed else 0.0
        self._start_sec = time.monotonic()

    def save(self) -> None:
        """Write the time until now."""
        if self._earlier_sec is None:
            return
        seconds = self._earlier_sec + time.monotonic() - self._start_sec
        with atomic_path(self._path) as temporary:
            temporary.write_text(to_json({KEY: round(seconds, 3)}) + "\n", encoding="utf-8")


def _read(path: Path) -> float | None:
    """Return the seconds of earlier sessions; None if they are not known."""
    try:
        return float(json.loads(path.read_bytes())[KEY])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
