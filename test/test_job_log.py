"""The log of a job, which is held while the job runs."""

import subprocess
import sys

import pytest

from moeasr.errors import InputError
from moeasr.job_log import hold_log

HOLDER = """
import sys
from pathlib import Path
from moeasr.job_log import hold_log
with hold_log(Path(sys.argv[1])):
    Path(sys.argv[1]).write_text("of the first job")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_logs_of_earlier_jobs_are_kept(tmp_path):
    log = tmp_path / "new" / "run.log"
    for text in ("first", "", "second", "third"):  # an empty log is not worth a number
        with hold_log(log):
            log.write_text(text)
    kept = {path.name: path.read_text() for path in log.parent.glob("run*")}
    assert kept == {"run.1.log": "first", "run.2.log": "second", "run.log": "third"}


def test_the_log_of_a_job_that_runs_is_not_renamed(tmp_path):
    log = tmp_path / "run.log"
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLDER, str(log)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdout.readline() == "held\n"
        expected = f"a job that writes run.log is already running here .process {first.pid} on "
        with pytest.raises(InputError, match=expected), hold_log(log):
            pass
        with hold_log(tmp_path / "other.log"):
            pass
        first.stdin.close()
    assert [path.name for path in tmp_path.glob("run*")] == ["run.log"]
    assert log.read_text() == "of the first job"
