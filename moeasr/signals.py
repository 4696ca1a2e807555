"""Signals that arrive just before the main thread begins to wait."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

NUDGE = signal.SIGURG
"""Signal that interrupts a wait and does nothing else; a process without a handler ignores it."""
NUDGE_AFTER_SEC = (0.02, 0.2, 2.0)
"""Seconds before each nudge. On a busy machine, the first one may come too early as well."""


@contextmanager
def waits_end_at_signals() -> Iterator[None]:
    """Make every signal with a Python handler end what the main thread waits for in the block.

    Python runs handlers in the main thread, after the system call that the signal interrupts. A
    signal that arrives a moment before the call, or in another thread, interrupts nothing: the
    handler would run after the wait, which may last for ever. So another thread, which hears of
    each signal through Python's wake-up file, interrupts the main thread again a little later.

    Call it in the main thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    handler_before = signal.signal(NUDGE, lambda signum, frame: None)
    file_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    arguments = (reading, threading.get_ident())
    threading.Thread(target=_nudge_after_signals, args=arguments, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(file_before)
        os.close(writing)  # the thread reads the end of the file, and ends
        signal.signal(NUDGE, handler_before)


def _nudge_after_signals(reading: int, thread: int) -> None:
    """Interrupt a thread a few times after each signal, until the wake-up file is closed."""
    with open(reading, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] == NUDGE:
                continue
            for pause_sec in NUDGE_AFTER_SEC:
                time.sleep(pause_sec)
                signal.pthread_kill(thread, NUDGE)
