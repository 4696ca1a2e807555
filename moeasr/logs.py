"""Log lines and progress bars, which people read while a program runs."""

import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from moeasr.bars import Bar

ItemT = TypeVar("ItemT")


def setup_logging(log_file: str | Path | None = None, quiet: bool = False) -> None:
    """Send messages to stderr and, if given, to the end of `log_file` as well.

    The file also has the time, level and logger of each message. On stderr, only warnings and
    errors begin with their level.

    Args:
        log_file: Appended to, so that a resumed run keeps its history. A message that cannot be
            written to it, because the disk is full, raises an `OSError`.
        quiet: True for warnings and errors only, as in every process but the first.
    """
    handlers: list[logging.Handler] = [_ProgressSafeHandler()]
    handlers[0].setFormatter(_ShortFormatter())
    if log_file is not None:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(_LogFile(log_file, encoding="utf-8"))
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        handlers=handlers,
        force=True,
    )


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module, whose `__name__` is passed."""
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
        desc: Description of the work, e.g. `decoding`.
        total: Number of items, for the time left; by default `len(items)`.
        unit: Name of the items, plural.
        initial: Number of items that are done already, which `total` includes.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    with Bar(desc, total, unit, initial, get_logger(__name__).info) as bar:
        for item in items:
            yield item
            bar.advance()


class _ShortFormatter(logging.Formatter):
    """A formatter for people, who need neither the time nor the module of a message."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname}: {text}"


class _LogFile(logging.FileHandler):
    """A log file that raises an `OSError` if it cannot be written, as every other file does."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, the name is logging's
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        error.filename = self.baseFilename
        raise error


class _ProgressSafeHandler(logging.Handler):
    """A handler that writes log lines above a running progress bar instead of through it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tqdm.write(self.format(record), file=sys.stderr)
        except Exception:  # by the convention of logging, a log line never stops the program
            self.handleError(record)
