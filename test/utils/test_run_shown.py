"""utils/run_shown.sh: a job's log is shown while it grows, and its status is the job's."""

import os
import signal
import subprocess
import time
from pathlib import Path

UTILS = Path(__file__).resolve().parents[2] / "utils"
RUN_SHOWN = UTILS / "run_shown.sh"


def run_shown(*arguments: str | Path) -> subprocess.CompletedProcess:
    command = [RUN_SHOWN, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_log_is_shown_and_kept(tmp_path):
    log = tmp_path / "new folder" / "job.log"
    done = run_shown(f"{UTILS}/run.pl --gpu 0", log, "echo", "two  spaces", ";", "exit", "0")
    assert done.returncode == 0
    assert "two  spaces" in done.stdout.splitlines()[3]
    assert done.stdout == log.read_text()


def test_status_and_reason_of_a_failed_job(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("of an older run\n")
    done = run_shown(f"{UTILS}/run.pl", log, "bash", "-c", "echo reason >&2; exit 7")
    assert done.returncode != 0
    assert "reason" in done.stdout and "older run" not in done.stdout
    assert f"job failed, log is in {log}" in done.stderr


def test_logs_of_earlier_runs_are_kept(tmp_path):
    log = tmp_path / "train.log"
    log.touch()  # an empty one is not worth a number
    for word in ("good", "bad", "worse"):
        run_shown(f"{UTILS}/run.pl", log, "echo", word)
    kept = [(tmp_path / name).read_text() for name in ("train.1.log", "train.2.log", "train.log")]
    assert [word in text for text, word in zip(kept, ("good\n", "bad\n", "worse\n"))] == [True] * 3


def test_the_log_of_a_job_that_runs_is_neither_renamed_nor_emptied(tmp_path):
    log, release = tmp_path / "job.log", tmp_path / "release"
    script = f'echo first; until [ -e "{release}" ]; do sleep 0.1; done'
    command = [RUN_SHOWN, f"{UTILS}/run.pl", log, "bash", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        assert any(line == "first\n" for line in job.stdout)  # the job still waits
        done = run_shown(f"{UTILS}/run.pl", log, "echo", "second")
        assert done.returncode == 1
        assert "a job that writes job.log is already running here" in done.stderr
        assert "first\n" in log.read_text() and not (tmp_path / "job.1.log").exists()
        release.touch()
        job.communicate(timeout=120)
    assert job.returncode == 0


def test_lines_come_while_the_job_runs(tmp_path):
    log, release = tmp_path / "job.log", tmp_path / "release"
    script = f'echo first; until [ -e "{release}" ]; do sleep 0.1; done; echo last'
    command = [RUN_SHOWN, f"{UTILS}/run.pl", log, "bash", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        assert any(line == "first\n" for line in job.stdout)  # the job still waits
        release.touch()
        assert "last\n" in list(job.stdout)
    assert job.returncode == 0


def test_interrupt_ends_job_and_follower(tmp_path):
    log, pid_file = tmp_path / "job.log", tmp_path / "pid"
    script = f'echo $$ >"{pid_file}"; exec sleep 600'
    command = [RUN_SHOWN, f"{UTILS}/run.pl", log, "bash", "-c", script]
    job = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with job:
        while not pid_file.exists() or not pid_file.read_text():
            time.sleep(0.05)
        os.killpg(job.pid, signal.SIGINT)  # as Ctrl-C does
        job.stdout.read()  # ends only when the follower is gone as well
        assert job.wait(timeout=120) != 0
    assert has_ended(pid_file.read_text().strip())


def test_nothing_follows_the_log_after_it_was_killed(tmp_path):
    command = [RUN_SHOWN, f"{UTILS}/run.pl", tmp_path / "job.log", "bash", "-c"]
    command += ["echo begun; sleep 2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        assert any(line == "begun\n" for line in job.stdout)
        job.kill()
        job.wait()  # until then its number is in use
        job.communicate(timeout=120)  # the pipe ends when nobody writes to it any more


def has_ended(pid: str) -> bool:
    """Return whether a process has ended, even if its new parent has not noticed yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def test_usage():
    done = run_shown("run.pl", "x.log")
    assert done.returncode == 1 and "Usage:" in done.stderr
