"""Signals that end a program, and processes that outlive one."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from moeasr.jobs.endings import SIGNALS, Interrupted, any_runs, interruptible


@pytest.mark.parametrize("signum", SIGNALS)
def test_signals_interrupt_once_and_handlers_are_restored(signum):
    usual = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored
    before = [signal.getsignal(number) for number in SIGNALS]
    try:
        with pytest.raises(Interrupted) as caught, interruptible():
            try:
                os.kill(os.getpid(), signum)
            finally:
                for number in SIGNALS:  # a second one does not disturb the end
                    os.kill(os.getpid(), number)
        assert caught.value.args == (signum,)
        assert [signal.getsignal(number) for number in SIGNALS] == before
    finally:
        signal.signal(signal.SIGHUP, usual)


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


@pytest.mark.parametrize("num_free", [0, 1])
def test_processes_that_cannot_be_looked_at_are_awaited(num_free):
    """After too many open files, a job runner has to end its jobs all the same."""
    script = f"""
import os, subprocess
from moeasr.jobs.endings import any_runs
process = subprocess.Popen(["sleep", "600"], start_new_session=True)
files = []
try:
    while True:
        files.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    for file in files[:{num_free}]:
        os.close(file)
try:
    print(any_runs({{process.pid}}))
finally:
    process.kill()
    process.wait()
print(any_runs({{process.pid}}))
"""
    command = ["bash", "-c", 'ulimit -n 20; exec "$0" -c "$1"', sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("True\nFalse\n", "")
