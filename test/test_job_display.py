"""Jobs whose output goes to a log: what is shown while they run."""

import pytest

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
