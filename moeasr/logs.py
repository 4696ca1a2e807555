"""What people read while a run goes on: log lines, progress bars, metric files."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from moeasr.atomic import atomic_path
from moeasr.bars import Bar
from moeasr.strict_json import to_json

ItemT = TypeVar("ItemT")


def setup_logging(log_file: str | Path | None = None, quiet: bool = False) -> None:
    """Send log lines to stderr and, if given, to the end of `log_file` as well.

    Args:
        log_file: Appended to, so that a resumed run keeps its history.
        quiet: Only warnings and errors (for every rank but the first).
    """
    handlers: list[logging.Handler] = [_ProgressSafeHandler()]
    if log_file is not None:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        handlers=handlers,
        force=True,
    )


def get_logger(name: str) -> logging.Logger:
    """The logger of one module; pass `__name__`."""
    return logging.getLogger(name)


def progress(
    items: Iterable[ItemT],
    desc: str,
    total: int | None = None,
    unit: str = "items",
    initial: int = 0,
) -> Iterator[ItemT]:
    """Yield `items` with a progress bar on a terminal, or with a line every half minute in a log.

    Args:
        items: Items to go through.
        desc: What is being done.
        total: Number of items, for the time left; by default `len(items)`.
        unit: Name of the items, plural.
        initial: How many of `total` are done already.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    with Bar(desc, total, unit, initial, get_logger(__name__).info) as bar:
        for item in items:
            yield item
            bar.advance()


class MetricWriter:
    """Numbers over steps, to `metrics.jsonl` for programs and TensorBoard for people.

    Args:
        directory: The experiment's directory; None writes nothing (ranks other than the first).
        resume_step: The step a run takes up again: what an earlier run wrote about later steps
            is dropped, because it is about to be written again.
    """

    def __init__(self, directory: str | Path | None, resume_step: int = 0) -> None:
        self._file = None
        self._board = None
        if directory is not None:
            # imported here: it costs a second that `--help` and the other ranks need not pay
            from torch.utils.tensorboard import SummaryWriter

            directory = Path(directory)
            directory.mkdir(parents=True, exist_ok=True)
            metrics = directory / "metrics.jsonl"
            _drop_after(metrics, resume_step)
            self._file = open(metrics, "a", encoding="utf-8")  # noqa: SIM115
            self._board = SummaryWriter(
                str(directory / "tensorboard"), purge_step=resume_step + 1 if resume_step else None
            )

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Record `values` of one `kind` ("train", "dev", "experts") at optimizer step `step`."""
        if self._file is None or self._board is None:
            return
        record = {"kind": kind, "step": step, **{k: float(v) for k, v in values.items()}}
        self._file.write(to_json(record) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._board.add_scalar(f"{kind}/{name}", float(value), step)

    def close(self) -> None:
        """Flush and close both files."""
        if self._file is not None and self._board is not None:
            self._file.close()
            self._board.close()


def _drop_after(metrics: Path, step: int) -> None:
    """Keep only the complete lines of a metrics file that are about steps up to `step`.

    A crash may leave a line cut short, or any bytes; such lines are dropped with a warning.
    """
    if not metrics.exists():
        return
    kept, num_damaged = [], 0
    for line in metrics.read_bytes().splitlines(keepends=True):
        found = _step_of(line)
        if found is None:
            num_damaged += 1
        elif found <= step:
            kept.append(line)
    if num_damaged:
        get_logger(__name__).warning("%s: damaged lines dropped: %d", metrics, num_damaged)
    with atomic_path(metrics) as temporary:
        temporary.write_bytes(b"".join(kept))


def _step_of(line: bytes) -> int | None:
    """Return the step that a line of a metrics file is about; None for a damaged line."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return step if line.endswith(b"\n") and isinstance(step, int) else None


class _ProgressSafeHandler(logging.Handler):
    """Writes above a running progress bar instead of through it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tqdm.write(self.format(record), file=sys.stderr)
        except Exception:  # the logging module's own rule: a log line never stops the program
            self.handleError(record)
