"""The lock of a directory."""

import errno
import os
import platform
import signal
import subprocess
import sys

import pytest

from moeasr import lock
from moeasr.errors import InputError
from moeasr.lock import lock_directory

HOLDER = """
import os, sys, time
from moeasr.lock import lock_directory
with lock_directory(sys.argv[1], "training"):
    if os.fork() == 0:  # as a process that reads batches: it must not inherit the lock
        print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "exp")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    os.killpg(process.pid, signal.SIGKILL)


def test_a_second_holder_is_refused_with_the_name_of_the_first(tmp_path, holder):
    sentence = (
        f"{tmp_path}/exp: training is already running here "
        rf"\(process {holder.pid} on {platform.node()}\)"
    )
    with (
        pytest.raises(InputError, match=sentence),
        lock_directory(tmp_path / "exp", "training"),
    ):
        pass


def test_a_killed_holder_leaves_no_lock_though_its_children_live(tmp_path, holder):
    holder.kill()
    holder.wait()
    with lock_directory(tmp_path / "exp", "training"):
        assert (tmp_path / "exp" / ".lock").read_text().startswith(f"process {os.getpid()} on ")


def test_a_file_system_without_locks_is_a_warning(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "lockf", refuse)
    with lock_directory(tmp_path, "training"):
        assert "cannot be locked (No locks available)" in caplog.text
