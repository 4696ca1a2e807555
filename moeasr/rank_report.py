"""Reports of a training process to its launcher, so that one sentence tells why a training ended.

`moeasr launch` puts the path of a named pipe into the environment. A process that fails writes its
sentence there instead of to the terminal, and the launcher prints the sentence of the process that
failed first. A pipe needs no disk space, so that a full disk is reported as well.
"""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

VARIABLE = "MOEASR_LAUNCHER"
"""Environment variable with the launcher's process id and the path of its named pipe."""
TIMED_OUT = "one of them hangs, or needs a larger --timeout-sec"
"""Part of the report of a process that has waited for another one until the time limit."""
MAX_BYTES = select.PIPE_BUF
"""Largest size of a report. The system writes up to this many bytes to a pipe in one piece."""

Kind = Literal["failed", "lost", "stopped"]
"""The end of a process: by a fault of its own, by the end of another process, or by SIGTERM."""


class Report(NamedTuple):
    """The report of a process that ends."""

    rank: int
    """The rank of the process."""
    kind: Kind
    """The kind of end."""
    text: str
    """One sentence without a full stop."""


def launcher_pid() -> int | None:
    """Return the process id of the `moeasr launch` that started this process; None without one.

    Processes that a training process starts inherit the environment, but not the launcher.
    """
    pid = os.environ.get(VARIABLE, "").partition(":")[0]
    return int(pid) if pid.isdecimal() and int(pid) == os.getppid() else None


def send_report(kind: Kind, text: str) -> bool:
    """Send the launcher a sentence about the end of this process.

    Returns:
        True if a launcher will print the sentence, so that this process should not print it.
    """
    if launcher_pid() is None:
        return False
    line = f"{os.environ.get('RANK', '0')} {kind} {' '.join(text.split())}"
    try:
        pipe = os.open(
            os.environ[VARIABLE].partition(":")[2], os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )
        try:
            os.write(pipe, line.encode("utf-8", "surrogateescape")[: MAX_BYTES - 1] + b"\n")
        finally:
            os.close(pipe)
    except OSError:  # the launcher has died
        return False
    return True


def parse_report(line: bytes) -> Report | None:
    """Return the report of a line that `send_report` wrote; None for any other line."""
    rank, kind, text = (*line.decode("utf-8", "surrogateescape").split(" ", 2), "", "", "")[:3]
    if not rank.isdecimal() or kind not in ("failed", "lost", "stopped"):
        return None
    return Report(int(rank), kind, text.rstrip("\n"))


@contextmanager
def announced(pipe_path: str) -> Iterator[None]:
    """Tell the processes that the block starts where the named pipe of this launcher is."""
    os.environ[VARIABLE] = f"{os.getpid()}:{pipe_path}"
    try:
        yield
    finally:
        del os.environ[VARIABLE]
