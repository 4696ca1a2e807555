"""Reports of training processes to their launcher."""

import os

import pytest

from moeasr.rank_report import (
    MAX_BYTES,
    VARIABLE,
    Report,
    announced,
    launcher_pid,
    parse_report,
    send_report,
)


@pytest.fixture
def pipe(tmp_path, monkeypatch):
    """The reading end of a launcher's pipe; the launcher is the parent of this process."""
    path = tmp_path / "reports"
    os.mkfifo(path)
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    monkeypatch.setenv(VARIABLE, f"{os.getppid()}:{path}")
    monkeypatch.setenv("RANK", "3")
    yield handle
    os.close(handle)


def test_a_report_arrives_as_one_line(pipe):
    assert send_report("failed", "café: no such\n file")
    line = os.read(pipe, 10**6)
    assert parse_report(line) == Report(3, "failed", "café: no such file")
    assert send_report("stopped", "")
    assert parse_report(os.read(pipe, 10**6)) == Report(3, "stopped", "")


def test_a_report_that_is_too_long_for_a_pipe_is_cut(pipe):
    assert send_report("failed", "é" * 10**6)
    line = os.read(pipe, 10**6)
    assert len(line) == MAX_BYTES and line.endswith(b"\n")
    assert parse_report(line).text.startswith("éééé")


@pytest.mark.parametrize("line", [b"\n", b"", b"x failed y\n", b"1 sings y\n", b"1\n"])
def test_other_lines_are_no_reports(line):
    assert parse_report(line) is None


def test_only_the_children_of_a_launcher_report_to_it(pipe, monkeypatch, tmp_path):
    assert launcher_pid() == os.getppid()
    monkeypatch.setenv(VARIABLE, f"{os.getpid()}:{tmp_path}/reports")  # another process's launcher
    assert launcher_pid() is None and not send_report("failed", "a")
    monkeypatch.delenv(VARIABLE)
    assert launcher_pid() is None and not send_report("failed", "a")
    with pytest.raises(BlockingIOError):
        os.read(pipe, 1)


def test_a_dead_launcher_receives_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"{os.getppid()}:{tmp_path}/none")
    assert not send_report("failed", "a")
    os.mkfifo(tmp_path / "none")  # nobody reads it
    assert not send_report("failed", "a")


def test_a_pipe_is_announced_to_children_only_within_the_block():
    with announced("/tmp/reports"):
        assert os.environ[VARIABLE] == f"{os.getpid()}:/tmp/reports"
    assert VARIABLE not in os.environ
