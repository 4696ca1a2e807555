"""utils/run.pl: the job runner's call form, log form and exit codes."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

LOG = re.compile(
    r"# (?P<command>.*) \n# Started at (?P<start>\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d .+ \d{4})\n#\n"
    r"(?P<output>.*)# Accounting: time=\d+ threads=1\n"
    r"# Ended \(code (?P<code>.+)\) at .*, elapsed time \d+ seconds\n",
    re.DOTALL,
)


def parsed(path):
    match = LOG.fullmatch(path.read_text())
    assert match, path.read_text()
    return match["command"], match["output"], match["code"]


def test_a_single_job_leaves_a_log_in_kaldis_form(call):
    done = call("run.pl", "exp dir/log/a.log", "echo", "out", ";", "echo", "err", ">&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert parsed(call.cwd / "exp dir/log/a.log") == ("echo out ; echo err >&2", "out\nerr\n", "0")


@pytest.mark.parametrize(
    ("words", "command", "output"),
    [
        (["echo", "a  b"], 'echo "a  b"', "a  b\n"),
        (["echo", 'say "x  y"'], "echo 'say \"x  y\"'", 'say "x  y"\n'),
        (["echo", 'it\'s "x  y"'], "echo 'it'\\''s \"x  y\"'", 'it\'s "x  y"\n'),
        (["echo", "x", "|", "cat", "-n"], "echo x | cat -n", "     1\tx\n"),
        (["echo", ""], 'echo ""', "\n"),
        (["V=3;", "echo", "$V"], "V=3; echo $V", "3\n"),
        (["echo", "x", "#", "note"], "echo x # note", "x\n"),
    ],
)
def test_quoting(call, words, command, output):
    assert call("run.pl", "a.log", *words).returncode == 0
    assert parsed(call.cwd / "a.log") == (command, output, "0")


def test_the_jobs_number_replaces_its_name_everywhere(call):
    done = call("run.pl", "JOB=2:4", "log.JOB/x.JOB.log", "echo", "JOB-aJOBb")
    assert done.returncode == 0
    for n in (2, 3, 4):
        assert parsed(call.cwd / f"log.{n}/x.{n}.log") == (f"echo {n}-a{n}b", f"{n}-a{n}b\n", "0")
    assert call("run.pl", "SPLIT=7", "y.SPLIT.log", "echo", "SPLIT").returncode == 0
    assert parsed(call.cwd / "y.7.log")[1] == "7\n"


def test_options_of_queue_pl_are_eaten_on_both_sides_of_the_range(call):
    options = [
        "--mem",
        "4G",
        "-V",
        "-pe",
        "smp",
        "5",
        "JOB=1:2",
        "-sync",
        "y",
        "--num-threads",
        "8",
    ]
    done = call("run.pl", *options, "-tc", "1", "x.JOB.log", "echo", "JOB")
    assert (done.returncode, done.stderr) == (0, "")
    assert [parsed(call.cwd / f"x.{n}.log")[1] for n in (1, 2)] == ["1\n", "2\n"]


def test_failed_jobs_are_counted_and_their_logs_named(call):
    done = call("run.pl", "JOB=1:3", "x.JOB.log", "exit", "JOB;", "true")
    assert (done.returncode, done.stderr) == (1, "run.pl: 3 / 3 failed, log is in x.*.log\n")
    assert [parsed(call.cwd / f"x.{n}.log")[2] for n in (1, 2, 3)] == ["1", "2", "3"]
    done = call("run.pl", "JOB=1:3", "x.JOB.log", "test", "JOB", "-ne", "2")
    assert (done.returncode, done.stderr) == (1, "run.pl: 1 / 3 failed, log is in x.*.log\n")
    done = call("run.pl", "JOB=3", "x.JOB.log", "false")
    assert (done.returncode, done.stderr) == (1, "run.pl: job failed, log is in x.3.log\n")


def test_a_forgotten_range_is_guessed_from_the_logs_name(call):
    done = call("run.pl", "x.JOB.log", "false")
    assert done.returncode == 1
    assert done.stderr == (
        "run.pl: job failed, log is in x.JOB.log\n"
        "run.pl: the call probably lacks JOB=1:$nj before the log file\n"
    )


def test_a_job_that_a_signal_ends_is_logged_so(call):
    assert call("run.pl", "a.log", "kill", "-9", "$$").returncode == 1
    assert parsed(call.cwd / "a.log")[2] == "0; signal 9"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["only.log"], 255, "Usage: run.pl"),
        (["JOB=1:2", "one.log"], 255, "Usage: run.pl"),
        (["JOB=1:2", "one.log", "true"], 1, "but one.log does not contain JOB"),
        (["JOB=3:2", "x.JOB.log", "true"], 255, "run.pl: invalid job range JOB=3:2"),
        (["JOB=0:2", "x.JOB.log", "true"], 255, "start must be strictly positive"),
        (["-tc", "0", "x.log", "true"], 255, "run.pl: invalid option --max-jobs-run 0"),
        (
            ["--pick", "some", "x.log", "true"],
            255,
            "failed or incomplete, but is 'some'",
        ),
    ],
)
def test_wrong_use(call, arguments, status, message):
    done = call("run.pl", *arguments)
    assert done.returncode == status and message in done.stderr
    assert not list(call.cwd.iterdir())


def test_max_jobs_run_is_obeyed(call):
    """Each of 4 jobs counts the jobs that run beside it: at most the smaller of two limits.

    The first two begin together, however long a busy machine takes to start each.
    """
    words = ["touch", "on.JOB", "begun.JOB;", "until", "[", "-e", "begun.1", "-a", "-e", "begun.2"]
    words += ["];", "do", "sleep", "0.05;", "done;"]
    words += ["set", "--", "on.*;", "echo", "$#;", "sleep", "0.1;", "rm", "on.JOB"]
    done = call("run.pl", "-tc", "3", "--max-jobs-run", "2", "JOB=1:4", "x.JOB.log", *words)
    assert done.returncode == 0
    assert max(int(parsed(call.cwd / f"x.{n}.log")[1]) for n in range(1, 5)) == 2


@pytest.mark.parametrize(
    ("pick", "again", "status"),
    [("all", {1, 2, 3, 4}, 0), ("failed", {2, 3, 4}, 0), ("incomplete", {3, 4}, 1)],
)
def test_pick_runs_only_some_jobs_again(call, pick, again, status):
    """Job 1 ended well, job 2 failed, job 3 was cut off, job 4 never ran."""
    (call.cwd / "x.1.log").write_text("# Ended (code 1) at\n# Ended (code 0) at\n")
    (call.cwd / "x.2.log").write_text("# Ended (code 0) at\n# Ended (code 1; signal 9) at\n")
    (call.cwd / "x.3.log").write_text("# Started at\n")
    done = call("run.pl", "--pick", pick, "JOB=1:4", "x.JOB.log", "echo", "new")
    assert done.returncode == status
    new = {n for n in range(1, 5) if "new" in (call.cwd / f"x.{n}.log").read_text()}
    assert new == again


def test_terminating_it_ends_its_jobs(utils, tmp_path):
    """The child processes of the job must end, too, and waiting jobs must not start."""
    words = ["sleep", "600", "&", "echo", "$!", ">", "pid.JOB", ";", "wait"]
    runner = subprocess.Popen(
        [sys.executable, utils / "run.pl", "-tc", "1", "JOB=1:2", "x.JOB.log", *words],
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 120
    while not ((tmp_path / "pid.1").is_file() and (tmp_path / "pid.1").read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    runner.send_signal(signal.SIGTERM)
    assert runner.wait(120) == 128 + signal.SIGTERM
    pid = int((tmp_path / "pid.1").read_text())
    deadline = time.monotonic() + 60
    while _runs(pid):
        assert time.monotonic() < deadline, "the job outlived run.pl"
        time.sleep(0.02)
    assert not (tmp_path / "pid.2").exists()
    assert "signal 15" in (tmp_path / "x.1.log").read_text()


def test_a_signal_that_is_ignored_remains_so(utils, tmp_path):
    """`nohup ./run.sh &` outlives the terminal."""
    script = f"trap '' HUP; exec {utils}/run.pl x.log kill -HUP '$PPID' ';' sleep 0.1"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert parsed(tmp_path / "x.log")[2] == "0"


def test_what_a_job_started_may_end_in_its_own_time(utils, tmp_path):
    """The shell of a job ends at once. A training below it needs time for a step and a file."""
    saving = "import signal, sys, time; from pathlib import Path\n"
    saving += "def save(*_): time.sleep(0.5); Path('saved').touch(); sys.exit()\n"
    saving += "signal.signal(signal.SIGTERM, save); Path('ready').touch(); time.sleep(600)"
    (tmp_path / "job.py").write_text(saving)
    runner = subprocess.Popen(
        [sys.executable, utils / "run.pl", "x.log", sys.executable, "job.py"], cwd=tmp_path
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "ready").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    runner.send_signal(signal.SIGINT)
    assert runner.wait(120) == 128 + signal.SIGINT
    assert (tmp_path / "saved").is_file()


def test_too_many_jobs_for_the_system_are_one_sentence(utils, tmp_path):
    """Whichever file fails first, no log file is called None, and no process waits.

    A job needs three files besides the log and the three of run.pl itself.
    """
    script = f"ulimit -n 7; exec {utils}/run.pl -tc 60 JOB=1:60 x.JOB.log sleep 600"
    command = ["bash", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 255
    assert re.search(
        r"run.pl: (cannot start a job|.* x\.\d+\.log cannot be written): .*Too many open files",
        done.stderr,
    )
    assert "Traceback" not in done.stderr


def test_a_log_that_cannot_be_written_is_named(call):
    (call.cwd / "file").touch()
    for log, reason in (
        ("/dev/full", "No space left on device"),
        ("file/x.log", "(Not a directory|File exists)"),
    ):
        done = call("run.pl", log, "true")
        assert done.returncode == 255
        assert re.fullmatch(
            f"run.pl: the log file {log} cannot be written: {reason}\n", done.stderr
        )


def test_a_shell_that_a_signal_ends_does_not_end_the_job(call):
    """Slurm signals all processes at once. What the shell started may still save its state."""
    words = ["bash", "-c", "sleep 1; touch saved", "&", "kill", "-TERM", "$$"]
    assert call("run.pl", "a.log", *words).returncode == 1
    assert (call.cwd / "saved").is_file()
    assert parsed(call.cwd / "a.log")[2] == "0; signal 15"


def _runs(pid):
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:  # a zombie has ended, too
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
