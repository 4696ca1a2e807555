"""Files that appear only when complete."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from moeasr import atomic
from moeasr.atomic import atomic_path, temporary_directory


def test_a_finished_file_takes_its_name_and_nothing_else_is_left(tmp_path):
    target = tmp_path / "new" / "out.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole" and os.listdir(target.parent) == ["out.txt"]


def test_a_failure_leaves_the_old_file_and_no_half_of_the_new(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["out.txt"]


def test_a_failed_write_names_the_file(tmp_path):
    with pytest.raises(OSError) as caught, atomic_path(tmp_path / "out.txt"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "out.txt")


def test_a_directory_that_cannot_be_written_is_named_by_the_file(tmp_path, monkeypatch):
    def refuse(path, *_):
        raise OSError(28, "No space left on device", str(path))

    with pytest.raises(OSError) as caught, atomic_path(tmp_path / "out.txt") as temporary:
        refuse(temporary)
    assert caught.value.filename == str(tmp_path / "out.txt")


WRITER = """
import sys, time
from pathlib import Path
from moeasr.atomic import atomic_path, temporary_directory
with atomic_path(sys.argv[1]) as one, temporary_directory(Path(sys.argv[1]).parent, "d") as two:
    one.write_text("half")
    (two / "x").write_text("half")
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "out.txt")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.wait()


def write_both(directory):
    with temporary_directory(directory, "d") as temporary:
        assert not list(temporary.iterdir())
    with atomic_path(directory / "out.txt") as path:
        path.write_text("whole")
    with atomic_path(directory / "other.txt") as path:
        path.write_text("whole")


def test_what_a_killed_writer_left_is_removed_by_the_next_writer_of_the_name(tmp_path, writer):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(os.listdir(tmp_path)) == 2
    write_both(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["other.txt", "out.txt"]
    assert (tmp_path / "out.txt").read_text() == "whole"


def test_what_a_living_writer_writes_stays(tmp_path, writer):
    before = set(os.listdir(tmp_path))
    assert len(before) == 2
    write_both(tmp_path)
    assert set(os.listdir(tmp_path)) == before | {"other.txt", "out.txt"}


def test_what_another_host_left_stays(tmp_path, writer, monkeypatch):
    """Locks of another host cannot be seen on every file system, so its files stay."""
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    before = set(os.listdir(tmp_path))
    monkeypatch.setattr(atomic.platform, "node", lambda: "elsewhere")
    write_both(tmp_path)
    assert set(os.listdir(tmp_path)) == before | {"other.txt", "out.txt"}


def test_a_file_system_without_locks_is_written_and_keeps_what_is_left(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(atomic.fcntl, "flock", refuse)
    with atomic_path(tmp_path / "out.txt") as temporary:
        shutil.copy(temporary, temporary.with_suffix(".left"))
    write_both(tmp_path)
    assert len(os.listdir(tmp_path)) == 3


def test_the_mode_of_a_file_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "out.txt") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "out.txt").stat().st_mode & 0o777 == 0o640


def test_a_temporary_file_that_cannot_be_created_has_the_final_name_in_the_error(
    tmp_path, monkeypatch
):
    real_open = os.open

    def refuse(path, *arguments, **options):
        if ".out.txt.tmp." in str(path):
            raise OSError(30, "Read-only file system", str(path))
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(atomic.os, "open", refuse)
    with pytest.raises(OSError, match="Read-only") as caught, atomic_path(tmp_path / "out.txt"):
        pass
    assert caught.value.filename == str(tmp_path / "out.txt")
