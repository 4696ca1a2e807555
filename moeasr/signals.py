"""SIGTERM as an exception that ends the main thread's work wherever it waits."""

import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

NUDGE = signal.SIGURG
"""Signal that interrupts a wait of the main thread. A process without a handler ignores it."""
NUDGE_AFTER_SEC = (0.02, 0.2, 2.0)
"""Seconds before each nudge. On a busy machine, the first one may come too early as well."""


class Terminated(SystemExit):
    """The end of the program after SIGTERM, so that unfinished files and processes are removed."""


@contextmanager
def terminated_by_sigterm() -> Iterator[None]:
    """Raise `Terminated` in the block on SIGTERM; a second SIGTERM ends the process at once.

    Python runs handlers in the main thread, after the system call that the signal interrupts. A
    signal that arrives a moment before the call, or in another thread, interrupts nothing: the
    handler would run after the wait, which may last for ever. Furthermore, Python ignores an
    exception that a handler raises in a callback, such as those after a fork. So another thread,
    which is notified of each signal through Python's wake-up file, interrupts the main thread again
    a little later, and the exception is raised again if it was ignored. An interrupted import may
    turn the exception into an `ImportError`, so any exception that ends the block after SIGTERM
    becomes `Terminated`.

    Call it in the main thread.
    """
    termination = _Termination()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    handlers = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, termination.begin),
        NUDGE: signal.signal(NUDGE, termination.insist),
    }
    wake_up_file = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    _start_nudging(reading, threading.get_ident())
    try:
        yield
    except Exception:
        if termination.has_begun:
            raise Terminated(128 + signal.SIGTERM) from None
        raise
    finally:
        signal.set_wakeup_fd(wake_up_file)
        os.close(writing)  # the thread reads the end of the file, and ends
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _Termination:
    """The handlers of SIGTERM and of nudges."""

    def __init__(self) -> None:
        self._raised: weakref.ref[Terminated] | None = None

    @property
    def has_begun(self) -> bool:
        """True after the first SIGTERM."""
        return self._raised is not None

    def begin(self, number: int, frame: object) -> None:
        """Raise `Terminated`."""
        signal.signal(number, signal.SIG_DFL)
        self._raise()

    def insist(self, number: int, frame: object) -> None:
        """Raise `Terminated` again if Python ignored it: then the exception no longer exists."""
        if self._raised is not None and self._raised() is None:
            self._raise()

    def _raise(self) -> NoReturn:
        error = Terminated(128 + signal.SIGTERM)
        self._raised = weakref.ref(error)
        try:
            raise error
        finally:
            del error  # this frame belongs to the traceback, which must not keep the exception


def _start_nudging(reading: int, main_thread: int) -> None:
    """Start the thread that nudges. It blocks all signals, which are for the main thread."""
    watcher = threading.Thread(
        target=_nudge_after_signals, args=(reading, main_thread), daemon=True
    )
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        watcher.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _nudge_after_signals(reading: int, main_thread: int) -> None:
    """Interrupt the main thread a few times after each signal, until the file is closed."""
    with open(reading, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] == NUDGE:
                continue
            for pause_sec in NUDGE_AFTER_SEC:
                time.sleep(pause_sec)
                signal.pthread_kill(main_thread, NUDGE)
