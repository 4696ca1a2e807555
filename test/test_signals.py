"""Signals that do not interrupt the system call for which the main thread waits."""

import signal
import subprocess
import sys
import threading

import pytest

from moeasr.signals import Terminated, terminated_by_sigterm

WAITS = {
    "lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "future": "from concurrent.futures import Future; Future().result()",
    "pipe": "os.read(os.pipe()[0], 1)",
}
PROGRAM = """
import os, signal, threading, time
from moeasr.bin import run

def terminate():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # this thread takes the signal
    time.sleep(60)

def main():
    threading.Thread(target=terminate, daemon=True).start()
    {wait}

run(main)
"""


@pytest.mark.parametrize("wait", WAITS)
def test_a_signal_that_another_thread_took_ends_every_wait(wait):
    """The same happens if the signal arrives just before the main thread begins to wait."""
    program = PROGRAM.format(wait=WAITS[wait])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (143, b"-c: stopped by SIGTERM\n")


IGNORES_ONCE = """
import os, signal, threading
from moeasr.bin import run

def callback():
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):  # the handler runs here, where Python ignores exceptions
        pass

def main():
    os.register_at_fork(after_in_parent=callback)
    if os.fork() == 0:
        os._exit(0)
    try:
        threading.Lock().acquire() and threading.Event().wait()
    finally:  # takes longer than the nudges
        threading.Event().wait(3)
        print("cleaned", flush=True)

run(main)
"""


@pytest.mark.slow
def test_an_exception_that_python_ignored_is_raised_again_but_cleaning_up_is_not_disturbed():
    done = subprocess.run([sys.executable, "-c", IGNORES_ONCE], capture_output=True, timeout=60)
    assert b"Exception ignored in" in done.stderr
    assert done.stderr.endswith(b"-c: stopped by SIGTERM\n")
    assert (done.returncode, done.stdout) == (143, b"cleaned\n")


@pytest.mark.parametrize("is_terminated", [True, False])
def test_an_error_that_an_interrupted_import_raises_is_the_end_by_sigterm(is_terminated):
    """NumPy, for one, raises an `ImportError` if a part of it cannot be imported."""
    expected = Terminated if is_terminated else ImportError
    with pytest.raises(expected) as caught, terminated_by_sigterm():
        try:
            if is_terminated:
                signal.raise_signal(signal.SIGTERM)
        finally:
            raise ImportError("a part of a package cannot be imported")
    assert not is_terminated or caught.value.code == 143


def test_everything_is_afterwards_as_before():
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    wake_up_file = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wake_up_file)
    with terminated_by_sigterm():
        assert any(thread.daemon for thread in threading.enumerate())
    for thread in threading.enumerate():
        if thread.name.endswith("(_nudge_after_signals)"):
            thread.join(60)
            assert not thread.is_alive()
    assert signal.set_wakeup_fd(wake_up_file) == wake_up_file
    assert {number: signal.getsignal(number) for number in handlers} == handlers
