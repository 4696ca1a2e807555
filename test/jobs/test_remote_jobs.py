"""utils/ssh.pl with an ssh that runs on this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.jobs.remote_jobs import OtherMachines, read_machines

SSH_PL = Path(__file__).resolve().parents[2] / "utils/ssh.pl"
SSH = """#!/bin/bash
while [ "$1" = -o ]; do shift 2; done
[ "$1" != gone ] || { echo "ssh: Could not resolve hostname $1" >&2; exit 255; }
export MACHINE=$1
cd /
exec bash -c "${*:2}"
"""


@pytest.fixture
def recipe(tmp_path):
    """A directory with a list of two machines."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ssh").write_text(SSH)
    (tmp_path / "bin/ssh").chmod(0o755)
    (tmp_path / "a recipe/.queue").mkdir(parents=True)
    (tmp_path / "a recipe/.queue/machines").write_text("# two\nm1\nm2\n")
    return tmp_path / "a recipe"


def start(recipe: Path, *words: str) -> subprocess.Popen:
    path = f"{recipe.parent}/bin:{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, SSH_PL, *words],
        cwd=recipe,
        env={**os.environ, "PATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )


def call(recipe: Path, *words: str) -> tuple[int, str]:
    with start(recipe, *words) as runner:
        error = runner.communicate(timeout=120)[1]
    return runner.returncode, error


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_jobs_run_on_the_machines_of_the_list(recipe):
    (recipe / "path.sh").write_text("export GREETING=hello\n")
    words = ["JOB=1:4", "log/x.JOB.log", "echo", "$GREETING", "a  JOB", ";", "test", "JOB", "-ne"]
    assert call(recipe, *words, "3") == (1, "ssh.pl: 1 / 4 failed, log is in log/x.*.log\n")
    for number in range(1, 5):
        command, machine, _, _, *rest = (recipe / f"log/x.{number}.log").read_text().split("\n")
        assert command == f'# echo $GREETING "a  {number}" ; test {number} -ne 3 '
        assert machine in ("# Running on m1", "# Running on m2")
        assert rest[0] == f"hello a  {number}" and rest[1].startswith("# Accounting: time=")
        assert rest[2].startswith(f"# Ended (code {int(number == 3)}) at ")


def test_a_machine_runs_one_job_at_a_time(recipe):
    """Each of 5 jobs counts those that run on its machine."""
    words = ["mkdir", "$MACHINE", "||", "exit", "9;", "sleep", "0.1;", "rmdir", "$MACHINE"]
    assert call(recipe, "JOB=1:5", "x.JOB.log", *words) == (0, "")


def test_a_machine_that_cannot_be_reached_is_in_the_log(recipe):
    (recipe / ".queue/machines").write_text("gone\n")
    assert call(recipe, "x.log", "true") == (1, "ssh.pl: job failed, log is in x.log\n")
    log = (recipe / "x.log").read_text()
    assert "ssh: Could not resolve hostname gone" in log and "# Ended (code 255)" in log


def test_a_long_command_is_run(recipe):
    """An argument is limited to 128 KB."""
    words = ["word"] * 40000
    assert call(recipe, "x.log", "echo", *words)[0] == 0
    assert " ".join(words) in (recipe / "x.log").read_text().splitlines()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_jobs_end_with_the_runner(recipe, signum):
    """They have time to save their state."""
    job = "trap 'sleep 0.5; touch saved; exit 3' TERM; touch started; sleep 600 & wait"
    with start(recipe, "x.log", "bash", "-c", job) as runner:
        wait_for(recipe / "started")
        runner.send_signal(signum)
        wait_for(recipe / "saved")
        runner.communicate(timeout=120)
    assert runner.returncode == (143 if signum == signal.SIGTERM else -9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"cannot be read \(No such file"),
        ("m1\nm2 m3\n", "machines, line 2: expected one name, but found `m2 m3`"),
        ("-oProxyCommand=x\n", "machines, line 1: expected one name"),
        ("# none\n", "machines is empty"),
    ],
)
def test_a_wrong_list_of_machines_is_one_sentence(tmp_path, text, message):
    path = tmp_path / "machines"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_machines(path)


def test_ssh_asks_for_no_password():
    command = OtherMachines(["m1"]).command("m1")
    assert command[:3] == ["ssh", "-o", "BatchMode=yes"] and command[-4] == "m1"
