"""Run a job whose output goes to a log, and show the log and the progress of its processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tqdm import tqdm

from moeasr.bars import DIRECTORY, find_display, read_bars

LOOK_EVERY_SEC = 0.2
GRACE_SEC = 90.0
"""Time that a command has to end by itself; `run.pl` gives its own jobs 30 s."""


class LogReader:
    """A reader of the new lines of a log that a job writes.

    Args:
        path: The log. It need not exist yet, and a job runner may begin it anew.
        is_quiet: True to leave out the lines that a job runner adds before and after the output.
    """

    def __init__(self, path: Path, is_quiet: bool) -> None:
        self._path = path
        self._is_quiet = is_quiet
        self._place = 0
        self._rest = b""
        self._in_header = True

    def read(self, is_last: bool = False) -> list[str]:
        """Return the whole lines since the last call; at the end also one without a newline."""
        try:
            with open(self._path, "rb") as file:
                if file.seek(0, os.SEEK_END) < self._place:
                    self._place, self._rest, self._in_header = 0, b"", True
                file.seek(self._place)
                new = file.read()
        except OSError:
            return []
        self._place += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        if is_last and self._rest:
            lines.append(self._rest)
        return [line.decode("utf-8", "surrogateescape") for line in lines if self._is_shown(line)]

    def _is_shown(self, line: bytes) -> bool:
        """Return whether to show a line; run.pl begins a log with `# command`, a date and `#`."""
        self._in_header &= line.startswith(b"#")
        is_runners = self._in_header or line.startswith((b"# Accounting: ", b"# Ended (code "))
        if line == b"#":
            self._in_header = False
        return not (self._is_quiet and is_runners)


def run_shown(
    command: list[str], log: Path | None, bars: Path, total: int | None, is_quiet: bool
) -> int:
    """Run a command to its end while showing its log and a bar; return its exit status.

    Without a terminal, processes write lines about their progress to the log themselves; if there
    is no log to show, such lines are printed here.

    Args:
        command: The command with its arguments.
        log: The log to show.
        bars: An empty directory for the bars of the command's processes.
        total: Number of items of all processes; by default the sum over those that have started.
        is_quiet: True to leave out the lines that a job runner adds to the log.
    """
    reader = None if log is None else LogReader(log, is_quiet)
    display, state, shown = find_display(_say), None, time.monotonic()
    environment = dict(os.environ)
    if log is None or sys.stderr.isatty():
        environment[DIRECTORY] = str(bars)
    process = subprocess.Popen(command, env=environment)
    before = signal.signal(signal.SIGINT, _ignore)  # Ctrl-C reaches the command, which then ends
    try:
        status = None
        while status is None:
            status = _wait(process)
            for line in reader.read(is_last=status is not None) if reader else ():
                _say(line)
            latest = read_bars(bars, total)
            is_due = time.monotonic() - shown >= display.every_sec
            if latest is not None and latest != state and is_due:
                state, shown = latest, time.monotonic()
                display.show(state)
    except BaseException:
        _end(process)
        raise
    finally:
        signal.signal(signal.SIGINT, before)
        if state is not None:
            display.close(state)
    return status if status >= 0 else 128 - status


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process, which first gets time to save its work."""
    process.terminate()
    try:
        process.wait(GRACE_SEC)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _say(line: str) -> None:
    """Print a line above the bar."""
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


def _wait(process: "subprocess.Popen[bytes]") -> int | None:
    """Wait a moment; return the exit status, or None if the process has not ended."""
    try:
        return process.wait(LOOK_EVERY_SEC)
    except subprocess.TimeoutExpired:
        return None


def _ignore(signum: int, frame: object) -> None:
    """Do nothing. Unlike SIG_IGN, a command that is started does not inherit this."""
