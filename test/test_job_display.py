"""Jobs whose output goes to a log: what is shown while they run."""

import os
import time

import pytest

from moeasr import job_display
from moeasr.job_display import LogReader, run_shown

HEADER = "# python3 train.py\n# Started at Thu Nov 26\n#\n"
FOOTER = "# Accounting: time=1 threads=1\n# Ended (code 0) at Thu Nov 26, elapsed time 1 seconds\n"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "job.log"


def test_whole_lines_are_shown_as_they_come(log):
    reader = LogReader(log, is_quiet=False)
    assert reader.read() == []  # there is no log yet
    log.write_text("one\ntw")
    assert reader.read() == ["one"]
    log.write_text("one\ntwo\nthr")
    assert (reader.read(), reader.read(is_last=True)) == (["two"], ["thr"])


def test_a_log_that_is_begun_anew_is_read_from_its_start(log):
    reader = LogReader(log, is_quiet=False)
    log.write_text("an old line\n")
    reader.read()
    log.write_text("new\n")
    assert reader.read() == ["new"]


def test_the_lines_of_the_job_runner_can_be_left_out(log):
    log.write_text(HEADER + "# of the job\n" + FOOTER)
    assert LogReader(log, is_quiet=True).read() == ["# of the job"]
    assert len(LogReader(log, is_quiet=False).read()) == 6


@pytest.mark.parametrize(("command", "status"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_the_status_is_that_of_the_command(tmp_path, command, status):
    assert run_shown(["bash", "-c", command], None, tmp_path, None, True) == status


@pytest.mark.usefixtures("fails_rather_than_hangs")
def test_a_command_that_does_not_end_is_killed(tmp_path, log, monkeypatch):
    """This happens after an error of the display, for example if its output is closed."""
    log.write_text("a line\n")
    ready = tmp_path / "ready"
    command = f"trap '' TERM; echo $$ > '{ready}'; while :; do sleep 0.1; done"

    def fail(line: str) -> None:
        while not (ready.exists() and ready.read_text()):
            time.sleep(0.01)
        raise BrokenPipeError(line)

    monkeypatch.setattr(job_display, "_say", fail)
    monkeypatch.setattr(job_display, "GRACE_SEC", 0.3)
    with pytest.raises(BrokenPipeError):
        run_shown(["bash", "-c", command], log, tmp_path, None, True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(ready.read_text()), 0)
