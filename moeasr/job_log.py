"""The log of a job, which no other job may take or rename while the job runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moeasr.lock import lock_directory


@contextmanager
def hold_log(log: Path) -> Iterator[None]:
    """Hold a log until the job ends, and rename the log of an earlier job.

    `train.log` becomes `train.1.log`, the next one `train.2.log`. An empty log is not renamed.

    Args:
        log: The log. Its directory is created if it does not exist.

    Raises:
        InputError: A job that runs now holds the log. Nothing is renamed.
    """
    with lock_directory(log.parent, f"a job that writes {log.name}", f".{log.name}.lock"):
        if log.is_file() and log.stat().st_size > 0:
            number = 1
            while (kept := log.with_name(f"{log.stem}.{number}{log.suffix}")).exists():
                number += 1
            log.rename(kept)
        yield
