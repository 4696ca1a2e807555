"""Ends of programs: the signals that ask for one, and the processes that may outlive a program."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal asked this program to end. The argument is its number."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` in the block on SIGINT, SIGTERM and SIGHUP.

    Further signals are ignored once the first one has come. A signal that is ignored from the start
    (SIGHUP under `nohup`) remains ignored.
    """
    signals = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]

    def interrupt(signum: int, frame: FrameType | None) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted(signum)

    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def any_runs(groups: set[int]) -> bool:
    """Return whether a process of these groups runs; those that a program starts may outlive it.

    Where too many files are open to read /proc, every process of a group counts as running.
    """
    existing = {group for group in groups if _exists(group)}
    if not existing:
        return False
    try:  # Path.glob of newer versions of Python hides errors
        numbers = [name for name in os.listdir("/proc") if name.isdigit()]
        return any(_is_running_in(existing, Path("/proc", name, "stat")) for name in numbers)
    except FileNotFoundError:  # a system without /proc
        return False
    except OSError:
        return True


def _exists(group: int) -> bool:
    """Return whether a group has a process, running or not: asking the kernel needs no file."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it has processes of another user
        return True
    return True


def _is_running_in(groups: set[int], path: Path) -> bool:
    """Return whether the process of a file /proc/*/stat runs and belongs to one of the groups."""
    try:
        # the kernel cuts the name of a process, perhaps within a character
        text = path.read_text(errors="replace")
        state, _, member_of = text.rpartition(")")[2].split()[:3]
    except (FileNotFoundError, ProcessLookupError, PermissionError, ValueError):
        return False  # the process has just ended, or is not shown to this user
    return int(member_of) in groups and state != "Z"
