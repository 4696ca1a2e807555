"""Progress bars: on a terminal, as lines in a log, or as files for the program that shows a log.

A job of a recipe writes to a log, where a bar would be useless. `moeasr.bin.watch` starts such
jobs, names a directory in the environment, and draws one bar for all files that they write there.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol

from tqdm import tqdm

from moeasr.atomic import atomic_path
from moeasr.strict_json import to_json

DIRECTORY = "MOEASR_BARS"
"""Environment variable: the directory for the files of bars."""
BAR_FORMAT = (
    "{desc} {percentage:3.0f}% |{bar}| {n_fmt} of {total_fmt} {unit}, time left {remaining}"
)
OPEN_FORMAT = "{desc}: {n_fmt} {unit} in {elapsed}"
"""Format of a progress bar whose number of items is unknown."""

DEFAULT_COLUMNS = 80


class BarState(NamedTuple):
    """The progress of a piece of work."""

    desc: str
    """Description of the work, e.g. `decoding`."""
    done: int
    """Number of finished items."""
    total: int | None
    """Number of all items; None if it is unknown."""
    unit: str
    """Name of the items, plural."""
    initial: int
    """Number of items that were finished before the clock started."""
    elapsed_sec: float
    """Time since the clock started."""

    def line(self) -> str:
        """Return the state as a line of a log, with the time left."""
        if self.total is None:
            return f"{self.desc}: {self.done} {self.unit}"
        fresh = self.done - self.initial
        left_sec = (self.total - self.done) * self.elapsed_sec / fresh if fresh else 0.0
        left = f", {duration(left_sec)} left" if fresh else ""
        return f"{self.desc}: {self.done} of {self.total} {self.unit}{left}"


class Display(Protocol):
    """A way to show progress: a bar on a terminal, lines, or a file for another process."""

    every_sec: float
    """Time between two updates."""

    def show(self, state: BarState) -> None:
        """Show a state."""
        ...

    def close(self, state: BarState) -> None:
        """Show the last state, or remove the bar."""
        ...


class TerminalDisplay:
    """A bar on standard error, which is removed at the end; log lines are printed above it."""

    every_sec = 0.1

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def show(self, state: BarState) -> None:
        """Draw the bar."""
        if self._bar is None:
            # The size is given, because tqdm draws no bar on a terminal that does not know its own.
            # The delay keeps tqdm from drawing the bar before its values are set.
            size = {"ncols": DEFAULT_COLUMNS, "nrows": 20}
            self._bar = tqdm(file=sys.stderr, leave=False, delay=1.0, **size)
            self._bar.delay = 0
        bar = self._bar
        bar.ncols = _num_columns()
        bar.n, bar.total, bar.initial, bar.unit = state.done, state.total, state.initial, state.unit
        bar.last_print_t = time.time()
        bar.start_t = bar.last_print_t - state.elapsed_sec
        bar.bar_format = OPEN_FORMAT if state.total is None else BAR_FORMAT
        bar.set_description_str(state.desc)

    def close(self, state: BarState) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class LineDisplay:
    """A display that prints a line every half minute.

    Args:
        say: Function that receives the lines.
    """

    every_sec = 30.0

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def show(self, state: BarState) -> None:
        """Print how far the work is, unless it has just begun."""
        if state.elapsed_sec > 0:
            self._say(state.line())

    def close(self, state: BarState) -> None:
        """Print nothing, because the work itself reports its end."""


class FileDisplay:
    """A display that writes its state to a small file, which another process reads by `read_bars`.

    Args:
        directory: The directory of all bars; it must exist.
    """

    every_sec = 0.5

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"{socket.gethostname()}.{os.getpid()}.json"

    def show(self, state: BarState) -> None:
        """Replace the file."""
        try:
            with atomic_path(self._path) as temporary:
                temporary.write_text(to_json(state), encoding="utf-8")
        except OSError:  # the program that reads the file has ended, but the work continues
            pass

    close = show


class NoDisplay:
    """A display that shows nothing, for processes other than the first."""

    every_sec = float("inf")

    def show(self, state: BarState) -> None:
        """Show nothing."""

    close = show


class Bar:
    """A progress bar on the display that `find_display` returns.

    Args:
        desc: Name of the work, e.g. `decoding`.
        total: Number of items, if it is known.
        unit: Name of the items, plural.
        initial: Items that are done already.
        say: Function that receives a line every half minute where there is no bar.
        is_shown: False shows nothing.
    """

    def __init__(
        self,
        desc: str,
        total: int | None,
        unit: str,
        initial: int = 0,
        say: Callable[[str], None] = print,
        is_shown: bool = True,
    ) -> None:
        self._display = find_display(say) if is_shown and total != 0 else NoDisplay()
        self._start = self._last = time.monotonic()
        self._state = BarState(desc, initial, total, unit, initial, 0.0)
        self._display.show(self._state)

    def advance(self, count: int = 1) -> None:
        """Count items that are finished."""
        now, done, total = time.monotonic(), self._state.done + count, self._state.total
        if total is not None:
            total = max(total, done)  # the number of all items may have been an estimate
        self._state = self._state._replace(done=done, total=total, elapsed_sec=now - self._start)
        if now - self._last >= self._display.every_sec:
            self._last = now
            self._display.show(self._state)

    def describe(self, desc: str) -> None:
        """Change the text in front of the bar."""
        self._state = self._state._replace(desc=desc)

    def __enter__(self) -> "Bar":
        """Return the bar itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the display."""
        self._display.close(self._state)


def _num_columns() -> int:
    """Return the width of the terminal, or a default if the terminal does not know its width."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or DEFAULT_COLUMNS
    except OSError:
        return DEFAULT_COLUMNS


def find_display(say: Callable[[str], None]) -> Display:
    """Return the display of progress bars for this process.

    It is a `FileDisplay` if the environment variable `DIRECTORY` names a directory, otherwise a
    `TerminalDisplay` if standard error is a terminal, and a `LineDisplay` in all other cases.

    Args:
        say: Function that receives the lines of a `LineDisplay`.
    """
    directory = os.environ.get(DIRECTORY)
    if directory and Path(directory).is_dir():
        return FileDisplay(Path(directory))
    return TerminalDisplay() if sys.stderr.isatty() else LineDisplay(say)


def read_bars(directory: Path, total: int | None = None) -> BarState | None:
    """Return the joint progress of all jobs that do the same work as the job that reported last.

    It is None if no job has reported anything.

    Args:
        directory: Files of `FileDisplay`.
        total: Number of items of all jobs; by default the sum over the jobs that have started.
    """
    found = []
    for path in directory.glob("*.json"):
        try:
            found.append((path.stat().st_mtime, BarState(*json.loads(path.read_text("utf-8")))))
        except (OSError, ValueError, TypeError):  # the file is being replaced
            continue
    if not found:
        return None
    latest = max(found)[1]
    states = [state for _, state in found if state.desc == latest.desc]
    totals = [state.total for state in states if state.total is not None]
    return latest._replace(
        done=sum(state.done for state in states),
        total=total or (sum(totals) if len(totals) == len(states) else None),
        initial=sum(state.initial for state in states),
        elapsed_sec=max(state.elapsed_sec for state in states),
    )


def duration(seconds: float) -> str:
    """Return a duration in its two largest units.

    >>> [duration(seconds) for seconds in (4.2, 200, 7500)]
    ['4 s', '3 min 20 s', '2 h 05 min']
    """
    minutes, left = divmod(round(seconds), 60)
    if minutes >= 60:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {left:02d} s" if minutes else f"{left} s"
