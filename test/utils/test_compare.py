"""utils/compare.sh in a recipe whose run.sh only notes how it was called."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from noting_recipe import NAMES, make_recipe, started, take_events

from moeasr.score.scored_experiment import read_experiment

UTILS = Path(__file__).resolve().parents[2] / "utils"


@pytest.fixture
def recipe(tmp_path):
    """A recipe in a directory whose name has a space."""
    path = make_recipe(tmp_path / "a recipe")
    (path / "utils").symlink_to(UTILS)
    return path


def start(recipe, *arguments, **more):
    """Start utils/compare.sh in the recipe."""
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    pipe = subprocess.PIPE
    command = ["utils/compare.sh", *arguments]
    return subprocess.Popen(
        command, cwd=recipe, env=env, stdout=pipe, stderr=pipe, text=True, **more
    )


def compare(recipe, *arguments):
    """Run utils/compare.sh to its end."""
    with start(recipe, *arguments) as process:
        out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_options_reach_run_sh_and_one_table_is_written(recipe):
    (recipe / "path.sh").write_text("echo the environment of the recipe\n")
    options = ("--seeds", "1 2", "--train_opts", "--resume", "--run-opts", "--modes 'a  b'")
    done = compare(recipe, *options, "conf/compare.list")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the environment of the recipe\n")
    assert started(recipe) == NAMES
    words = (recipe / "exp/compare/student_seed1/arguments").read_text().splitlines()
    assert words == [
        *("--stage", "3", "--stop-stage", "5", "--train-config", "conf/moe.yaml", "--seed", "1"),
        *("--exp-dir", "exp/compare/student_seed1", "--train-opts"),
        "--resume --set distillation.teacher=exp/compare/dense_seed1/averaged.pt --set a.b=null",
        *("--modes", "a  b"),
    ]
    assert "== 3 of 5: student_seed1, log in exp/compare/student_seed1/log/run.log" in done.stdout
    page = (recipe / "exp/compare/COMPARISON.md").read_text()
    assert page.strip() in done.stdout
    rows = re.findall(r"^\| (\w+) \| (\d) \|", page, flags=re.M)
    assert rows == [("dense", "2"), ("student", "1"), ("moe", "2")]
    experiment = read_experiment(recipe / "exp/compare/dense_seed1", "test", "attention_rescoring")
    assert experiment.command == (
        "./run.sh --stage 3 --stop-stage 5 --train-config conf/dense.yaml --seed 1 --exp-dir "
        'exp/compare/dense_seed1 --train-opts --resume --modes "a  b"'
    )


@pytest.mark.parametrize("option", ["--exp-dirs", "--exp_dirs"])
def test_an_option_may_have_several_values(recipe, option):
    done = compare(recipe, option, "exp/a", "exp/b")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "moeasr compare: experiment directory exp/a must be named <system>_seed<seed>\n"
    )


def test_failures_are_told_at_the_end_with_costs_that_cannot_be_measured(recipe):
    options = ("--only", "dense", "--exp-dir", "exp/x/", "--baseline", "moe", "conf/compare.list")
    (recipe / "fail").write_text("dense_seed2")
    assert compare(recipe, "--seeds", "1 2", *options).returncode == 1
    (recipe / "exp/x/dense_seed1/cost.json").unlink()
    done = compare(recipe, "--seeds", "1 2", *options)
    assert done.returncode == 1
    assert "dense_seed1/averaged.pt cannot be read" in done.stderr
    assert done.stderr.splitlines()[-2:] == [
        "moeasr compare: dense_seed1 has no GMAC/s in the table, because moeasr profile failed",
        "moeasr compare: dense_seed2 failed, log is in exp/x/dense_seed2/log/run.log",
    ]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_runs_and_the_same_call_goes_on(recipe, signum):
    arguments = ("--seeds", "1 2", "--jobs", "2", "--only", "dense", "conf/compare.list")
    (recipe / "hold").write_text("dense_seed1")
    process = start(
        recipe,
        *arguments,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while "end dense_seed2" not in (recipe / "events").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if signum == signal.SIGINT:
            os.killpg(process.pid, signum)  # as Ctrl-C does
        else:
            process.send_signal(signum)
        _, err = process.communicate(timeout=30)
    finally:
        (recipe / "hold").write_text("")
        process.kill()
    assert process.returncode == 130
    assert err == "moeasr compare: stopped; the same command resumes it\n"
    time.sleep(0.3)
    assert "end dense_seed1" not in take_events(recipe)  # it is not running any more
    assert compare(recipe, *arguments).returncode == 0
    assert take_events(recipe) == ["start dense_seed1", "end dense_seed1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected one argument, the list of systems, but got 0"),
        (["--jobs", "0", "conf/compare.list"], "--jobs must be at least 1"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(recipe, arguments, message):
    done = compare(recipe, *arguments)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and message in done.stderr
    assert not started(recipe)


def test_help_lists_the_options(recipe):
    done = compare(recipe, "--help", "conf/compare.list")
    assert done.returncode == 0 and "conf/compare.list" in done.stdout
    listed = [line.split()[0][2:] for line in done.stdout.splitlines() if line.startswith("  --")]
    assert listed == [
        *("seeds", "jobs", "exp-dir", "train-opts", "run-opts", "only", "stage", "stop-stage"),
        *("exp-root", "exp-dirs", "baseline", "set", "mode", "chunk-size"),
    ]
