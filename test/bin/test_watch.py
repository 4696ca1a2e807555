"""The `watch` command, which shows the progress of a job on a terminal."""

import sys

import pytest
from on_terminal import on_terminal

from moeasr.bin.watch import main

JOB = """
import time
from moeasr.logs import progress, setup_logging
setup_logging()
print("begins", flush=True)
for number in progress(range(12), "training, epoch 1 of 2", unit="steps"):
    time.sleep(0.1)
print("ends")
"""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "job.log"


def watching(log, *options):
    job = f"exec >{log} 2>&1; python3 job.py"
    return [sys.executable, "-m", "moeasr.bin.watch", *options, "--", "bash", "-c", job]


def test_the_bar_of_a_job_is_on_the_terminal_and_not_in_the_log(log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.py").write_text(JOB)
    printed, shown = on_terminal(watching(log, "--log", log))
    assert printed == log.read_text() == "begins\nends\n"
    assert "training, epoch 1 of 2" in shown and "of 12 steps, time left" in shown
    assert not list(tmp_path.glob(".bars.*"))


def test_progress_of_jobs_with_their_own_logs_is_summed(log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.py").write_text(JOB)
    printed, shown = on_terminal(watching(log, "--total", "30"))
    assert printed == "" and "of 30 steps, time left" in shown


def test_two_dashes_in_the_command_of_the_job_are_kept(capfd):
    with pytest.raises(SystemExit) as exited:
        main(["--dir", "/tmp", "--", "echo", "--log", "--", "x"])
    assert exited.value.code == 0 and capfd.readouterr().out == "--log -- x\n"
