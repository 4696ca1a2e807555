"""Ends of programs: the signals that ask for one, and the processes that may outlive a program."""

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
    """Return whether a process of these groups runs; those that a program starts may outlive it."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # the kernel cuts the name of a process, perhaps within a character
            text = path.read_text(errors="replace")
            state, _, member_of = text.rpartition(")")[2].split()[:3]
        except (OSError, ValueError):  # the process has just ended
            continue
        if int(member_of) in groups and state != "Z":
            return True
    return False
