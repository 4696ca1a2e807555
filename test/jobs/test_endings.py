"""Signals that end a program, and processes that outlive one."""

import os
import shutil
import signal
import subprocess

import pytest

from moeasr.jobs.endings import SIGNALS, Interrupted, any_runs, interruptible


@pytest.mark.parametrize("signum", SIGNALS)
def test_signals_interrupt_once_and_handlers_are_restored(signum):
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(Interrupted), interruptible():
        try:
            os.kill(os.getpid(), signum)
        finally:
            for number in SIGNALS:  # a second one does not disturb the end
                os.kill(os.getpid(), number)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_signal_that_is_ignored_remains_so():
    """An example is SIGHUP under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_processes_run_until_all_of_a_group_have_ended(tmp_path):
    """Other users' programs may have names that the kernel cuts within a character."""
    name = tmp_path / "распознавание"  # the first 15 bytes are 7.5 characters
    shutil.copy("/bin/sleep", name)
    process = subprocess.Popen([name, "60"], start_new_session=True)
    try:
        assert any_runs({process.pid}) and any_runs({1, process.pid})
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not any_runs({process.pid}) and not any_runs(set())
