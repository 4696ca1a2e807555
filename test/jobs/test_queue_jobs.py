"""Jobs in a real Slurm, and in a Grid Engine whose programs are stand-ins."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moeasr.jobs.call_form import parse_call
from moeasr.jobs.endings import SIGNALS
from moeasr.jobs.queue_jobs import Patience, run_in_queue
from moeasr.jobs.queues import GridEngine, Listing, Slurm

UTILS = Path(__file__).resolve().parents[2] / "utils"
QUICK = Patience(look=0.05, ask=0.2, late=5.0, cancel=60.0)
LOG = re.compile(
    r"# (?P<command>.*) \n# Running on \S+\n# Started at .+ \d{4}\n#\n"
    r"(?P<output>.*)# Accounting: time=\d+ threads=(?P<threads>\d+)\n"
    r"# Ended \(code (?P<code>\d+)\) at .*, elapsed time \d+ seconds\n",
    re.DOTALL,
)
QSUB = """#!/bin/bash
# Run the tasks of a job at once, as children of no one; leave the options in `qsub.options`.
printf '%s\\n' "$@" >qsub.options
while [ $# -gt 1 ]; do
  case $1 in
    -t) tasks=${2/-/ } ;;
    -o) output=$2 ;;
  esac
  shift
done
for task in $(seq ${tasks:-1 1}); do
  SGE_TASK_ID=${tasks:+$task} setsid bash "$1" >>"$output" 2>&1 </dev/null &
done
echo 'Your job-array 12.1-4:1 ("a.sh") has been submitted'
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A directory with a space in its name, as the working directory."""
    (tmp_path / "a recipe").mkdir()
    monkeypatch.chdir(tmp_path / "a recipe")
    return tmp_path / "a recipe"


@pytest.fixture
def grid_engine(recipe, monkeypatch):
    """Stand-ins of qsub, qstat and qdel; qstat prints the file `qstat.lines`."""
    programs = recipe.parent / "bin"
    programs.mkdir()
    for name, text in {
        "qsub": QSUB,
        "qstat": "#!/bin/bash\ncat qstat.lines\n",
        "qdel": '#!/bin/bash\necho "$@" >>qdel.calls; : >qstat.lines\n',
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    (recipe / "qstat.lines").write_text("")
    return recipe


@pytest.fixture
def in_slurm(recipe, slurm, monkeypatch):
    """The working directory, where the programs of Slurm work."""
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    return recipe


def parsed(path):
    match = LOG.fullmatch(path.read_text())
    assert match, path.read_text()
    return match["command"], match["output"], match["code"], match["threads"]


def run(queue, *words: str) -> int:
    """Run a call in this process, and return its status."""
    try:
        with pytest.raises(SystemExit) as ended:
            run_in_queue(parse_call("runner.pl", list(words), "usage"), queue, QUICK)
    finally:  # a job that cannot be submitted ends the program with its signals blocked
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return ended.value.code


def call(script: str, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, UTILS / script, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def left_over(folder: Path) -> list[str]:
    """Return the files beside scripts that job runners have left."""
    return [path.name for path in folder.iterdir() if path.suffix not in (".sh", ".queue")]


@pytest.mark.slow
@pytest.mark.parametrize("script", ["slurm.pl", "queue.pl"])
def test_numbered_jobs_run_in_the_environment_of_the_recipe(script, request):
    recipe = request.getfixturevalue("in_slurm" if script == "slurm.pl" else "grid_engine")
    (recipe / "path.sh").write_text("export GREETING='from path.sh'\n")
    words = ["--num-threads", "1", "JOB=2:4", "log/x.JOB.log", "echo", "$GREETING", "JOB", "a  b"]
    done = call(script, *words, ";", "test", "JOB", "-ne", "3")
    assert (done.returncode, done.stderr) == (1, f"{script}: 1 / 3 failed, log is in log/x.*.log\n")
    for number in (2, 3, 4):
        command = f'echo $GREETING {number} "a  b" ; test {number} -ne 3'
        output = f"from path.sh {number} a  b\n"
        code = "1" if number == 3 else "0"
        assert parsed(recipe / f"log/x.{number}.log") == (command, output, code, "1")
    assert left_over(recipe / "log/q") == []
    assert call(script, "one.log", "pwd").returncode == 0
    assert parsed(recipe / "one.log")[1] == f"{recipe}\n"


@pytest.mark.slow
def test_a_job_of_slurm_that_is_killed_is_found(in_slurm, capsys):
    """Its script has no time to leave the exit status."""
    words = ["JOB=1:2", "x.JOB.log", "test", "JOB", "=", "1", "||"]
    assert run(Slurm(), *words, "kill", "-KILL", "$$") == 1
    error = capsys.readouterr().err
    assert "runner.pl: job 2 ended without leaving its exit status (was it killed" in error
    assert "its log is x.2.log" in error and "runner.pl: 1 / 2 failed" in error


@pytest.mark.slow
def test_terminating_the_runner_cancels_the_job_of_slurm(in_slurm):
    words = ["x.log", "touch", "started", ";", "sleep", "600"]
    runner = subprocess.Popen([sys.executable, UTILS / "slurm.pl", *words])
    try:
        deadline = time.monotonic() + 120
        while not Path("started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(120) == 128 + signal.SIGTERM
    finally:
        runner.kill()
    listed = subprocess.run(["squeue", "--noheader"], capture_output=True, text=True)
    assert listed.stdout == ""


def test_what_slurm_refuses_is_shown(in_slurm, capsys):
    assert run(Slurm(), "--time", "soon", "x.log", "true") == 255
    error = capsys.readouterr().err
    assert error.startswith("runner.pl: the jobs cannot be submitted: ") and "soon" in error


def test_options_become_those_of_the_config(grid_engine):
    Path("conf").mkdir()
    Path("conf/queue.conf").write_text(
        "# a comment\ncommand qsub -cwd\noption mem=* -l mem=$0,ram=$0\noption mem=0\n"
        "default gpu=0\noption gpu=0 -q all.q\noption gpu=* -q g.q -l gpu=$0\n"
    )
    words = ["--mem", "4G", "-l", "h=a b", "-sync", "y", "-tc", "5", "JOB=1:2", "x.JOB.log", "true"]
    assert run(GridEngine(), *words) == 0
    options = Path("qsub.options").read_text().splitlines()
    assert options[:7] == ["-cwd", "-q", "all.q", "-l", "mem=4G,ram=4G", "-l", "h=a b"]
    name = ["-N", "x.JOB.log", "-o", str(grid_engine / "q/x.JOB.log.queue")]
    assert options[7:-1] == [*name, "-t", "1-2", "-tc", "5"]
    assert run(GridEngine(), "--gpu", "2", "x.log", "true") == 0
    assert Path("qsub.options").read_text().splitlines()[1:5] == ["-q", "g.q", "-l", "gpu=2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--colour", "red"], "the default config does not describe the option --colour red"),
        (["--config", "none.conf"], "config none.conf cannot be read: No such file or directory"),
    ],
)
def test_wrong_options_are_one_sentence(grid_engine, capsys, words, message):
    assert run(GridEngine(), *words, "x.log", "true") == 255
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not Path("q").exists()


def test_a_machine_without_the_batch_system_is_one_sentence(recipe, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(recipe))
    assert run(GridEngine(), "x.log", "true") == 255
    assert "the program qsub is not installed on" in capsys.readouterr().err


def test_a_mark_that_appears_late_is_awaited(grid_engine):
    """The batch system lists no job at all, and the job needs a moment."""
    assert run(GridEngine(), "x.log", "sleep", "0.6") == 0


def test_a_job_in_an_error_state_is_not_awaited(grid_engine, capsys):
    (grid_engine.parent / "bin/qsub").write_text(
        "#!/bin/bash\necho 'Your job 12 (\"a\") has ...'\n"
    )
    Path("qstat.lines").write_text(
        "job-ID  prior   name   user  state submit/start at     queue   slots ja-task-ID\n"
        "     12 0.00000 x.log  root  Eqw   11/27/2026 00:00:00             1\n"
    )
    assert run(GridEngine(), "x.log", "true") == 1
    error = capsys.readouterr().err
    assert "the batch system will never run it: the state Eqw" in error
    assert Path("qdel.calls").read_text() == "12\n"


def test_a_batch_system_that_does_not_answer_is_awaited(grid_engine, capsys):
    Path("qstat.lines").unlink()
    assert run(GridEngine(), "x.log", "sleep", "1.5") == 0
    assert capsys.readouterr().err.count("the batch system does not answer") == 1


def test_names_that_the_batch_system_cuts_within_a_character(grid_engine):
    line = "     12 0.50000 训练数据.log".encode()[:27] + b" root  r 11/27/2026 00:00:00 n1 2\n"
    Path("qstat.lines").write_bytes(line)
    assert run(GridEngine(), "训练数据.log", "sleep", "0.6") == 0
    assert GridEngine().listing("12") == Listing(frozenset({1}), {})


def test_a_signal_that_is_ignored_does_not_cancel_the_job(grid_engine):
    """`nohup ./run.sh &` outlives the terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        pid = str(os.getpid())
        assert run(GridEngine(), "x.log", "kill", "-HUP", pid, ";", "sleep", "0.3") == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert not Path("qdel.calls").exists()


def test_marks_of_another_call_are_not_its_own(grid_engine):
    Path("q").mkdir()
    Path("q/.x.log.00000000.1").write_text("0\n")
    assert run(GridEngine(), "x.log", "false") == 1
    assert left_over(Path("q")) == [".x.log.00000000.1"]


def test_the_lines_of_qstat_are_read(grid_engine):
    Path("qstat.lines").write_text(
        "job-ID  prior   name   user  state submit/start at     queue   slots ja-task-ID\n"
        "-----------------------------------------------------------------------\n"
        "     12 0.50000 x.log  root  r     11/27/2026 00:00:00 all.q@n1    2 3\n"
        "     12 0.50000 x.log  root  qw    11/27/2026 00:00:00             2 5-9:2,11\n"
        "      1 0.50000 x.log  root  r     11/27/2026 00:00:00 all.q@n1    2 7\n"
    )
    assert GridEngine().listing("12") == Listing(frozenset({3, 5, 7, 9, 11}), {})
    assert GridEngine().listing("2") == Listing(frozenset(), {})
    Path("qstat.lines").write_text("     12 0.5 x.log  root  r 11/27/2026 00:00:00 all.q@n1    2\n")
    assert GridEngine().listing("12") == Listing(frozenset({1}), {})
