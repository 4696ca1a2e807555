"""utils/compare.sh in a recipe whose run.sh only notes how it was called."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from moeasr.score.scored_experiment import read_experiment

UTILS = Path(__file__).resolve().parents[2] / "utils"
RUN_SH = """#!/usr/bin/env python3
# Notes arguments, start and end in `calls`; leaves averaged.pt and results. `fail` names an
# experiment that fails, `hold` one that waits until it is gone.
import json, os, sys, time
from pathlib import Path

options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
exp_dir = Path(options["--exp-dir"])

def note(event):
    with open("calls", "a") as calls:
        calls.write(json.dumps([event, exp_dir.name, sys.argv[1:]]) + "\\n")

note("start")
time.sleep(0.3)
while exp_dir.name in Path("hold").read_text().split():
    time.sleep(0.05)
if exp_dir.name in Path("fail").read_text().split():
    sys.exit("no luck")
errors = 1 + (len(exp_dir.name) + int(options["--seed"])) % 3
(exp_dir / "averaged.pt").touch()
(exp_dir / "cost.json").write_text('{"macs_per_audio_sec": 5}')
os.utime(exp_dir / "cost.json", (2e9, 2e9))
score = exp_dir / "decode_test/attention_rescoring/score"
score.mkdir(parents=True, exist_ok=True)
lines = [f"u{n} #csid {9 - errors} {errors} 0 0\\n" for n in range(9)]
(score / "per_utt").write_text("".join(lines))
record = dict(
    set="test", mode="attention_rescoring", chunk_size=-1, beam_size=10, wer=100 * errors / 9,
    cer=1.0, rtf=0.1, audio_sec=9.0, num_utts=9, num_words=81, total_params=2, active_params=1,
    commit="abc", config="c", seed=int(options["--seed"]), device="cpu", train_command="t",
    command="d",
)
if int(options["--stop-stage"]) >= 5:
    (exp_dir / "results.json").write_text(json.dumps([record]))
note("end")
"""
LIST = """\
# a comment, then an empty line

dense conf/dense.yaml   # the baseline
student  conf/moe.yaml seeds=1 distillation.teacher={exp}/dense_seed{seed}/averaged.pt a.b=null
moe conf/moe.yaml seeds=2
"""
NO_TABLE = ("--baseline", "moe", "conf/compare.list")
"""With a baseline that has no results no time is spent on a table."""


@pytest.fixture
def recipe(tmp_path):
    """A recipe in a directory whose name has a space."""
    path = tmp_path / "a recipe"
    (path / "conf").mkdir(parents=True)
    (path / "utils").symlink_to(UTILS)
    for name in ("dense", "moe"):
        (path / "conf" / f"{name}.yaml").write_text("model: {}\n")
        os.utime(path / "conf" / f"{name}.yaml", (1e9, 1e9))
    (path / "conf/compare.list").write_text(LIST)
    for name in ("fail", "hold", "calls"):
        (path / name).touch()
    (path / "run.sh").write_text(RUN_SH)
    (path / "run.sh").chmod(0o755)
    return path


def start(recipe, *options, **more):
    """Begin `utils/compare.sh --seeds "1 2" ...` in the recipe."""
    arguments = ["utils/compare.sh", "--seeds", "1 2", *options]
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        arguments, cwd=recipe, env=env, stdout=pipe, stderr=pipe, text=True, **more
    )


def compare(recipe, *options):
    """Call it to its end."""
    with start(recipe, *options) as process:
        out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def calls(recipe):
    """What run.sh noted: (event, experiment, arguments)."""
    return [json.loads(line) for line in (recipe / "calls").read_text().splitlines()]


def events(recipe):
    return [f"{event} {name}" for event, name, _ in calls(recipe)]


@contextmanager
def held(recipe):
    """Let go of the experiments that wait, also if an assertion fails."""
    try:
        yield
    finally:
        (recipe / "hold").write_text("")


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_runs_in_order_and_writes_one_table(recipe):
    options = ("--train-opts", "--set  train.max_epochs=2", "--run-opts", "--nj 1 --modes 'a  b'")
    done = compare(recipe, *options, "conf/compare.list")
    assert done.returncode == 0, done.stderr
    names = ["dense_seed1", "dense_seed2", "student_seed1", "moe_seed1", "moe_seed2"]
    assert [name for event, name, _ in calls(recipe) if event == "start"] == names
    common = ["--stage", "3", "--stop-stage", "5", "--train-config"]
    assert calls(recipe)[0][2] == [
        *common,
        *("conf/dense.yaml", "--seed", "1", "--exp-dir", "exp/compare/dense_seed1"),
        *("--train-opts", "--set train.max_epochs=2", "--nj", "1", "--modes", "a  b"),
    ]
    student = calls(recipe)[4][2]
    assert student[student.index("--train-opts") + 1] == (
        "--set train.max_epochs=2 "
        "--set distillation.teacher=exp/compare/dense_seed1/averaged.pt --set a.b=null"
    )
    assert "== 3 of 5: student_seed1, log in exp/compare/student_seed1/log/run.log" in done.stdout
    log = (recipe / "exp/compare/student_seed1/log/run.log").read_text()
    assert log.startswith("# ./run.sh --stage 3") and "# Ended (code 0)" in log
    page = (recipe / "exp/compare/COMPARISON.md").read_text()
    assert page.strip() in done.stdout
    rows = re.findall(r"^\| (\w+) \| (\d) \|", page, flags=re.M)
    assert rows == [("dense", "2"), ("student", "1"), ("moe", "2")]
    experiment = read_experiment(recipe / "exp/compare/dense_seed1", "test", "attention_rescoring")
    assert experiment.command == (
        "./run.sh --stage 3 --stop-stage 5 --train-config conf/dense.yaml --seed 1 --exp-dir "
        'exp/compare/dense_seed1 --train-opts "--set train.max_epochs=2" --nj 1 --modes "a  b"'
    )


def test_without_any_option_the_train_options_are_empty(recipe):
    done = compare(recipe, "--only", "dense", "conf/compare.list")
    assert done.returncode == 0, done.stderr
    assert calls(recipe)[0][2][-2:] == ["--train-opts", ""]


def test_called_again_it_runs_only_what_is_not_done(recipe):
    (recipe / "fail").write_text("student_seed1")
    done = compare(recipe, "conf/compare.list")
    assert done.returncode == 1
    message = "student_seed1 failed, log is in exp/compare/student_seed1/log/run.log"
    assert message in done.stderr
    assert "no luck" in (recipe / "exp/compare/student_seed1/log/run.log").read_text()
    page = (recipe / "exp/compare/COMPARISON.md").read_text()
    assert "moe_seed2" in page and "student" not in page

    (recipe / "fail").write_text("")
    (recipe / "calls").write_text("")
    done = compare(recipe, "conf/compare.list")
    assert done.returncode == 0, done.stderr
    assert events(recipe) == ["start student_seed1", "end student_seed1"]
    assert "== 1 of 5: dense_seed1 is done already" in done.stdout
    assert "student" in (recipe / "exp/compare/COMPARISON.md").read_text()


def test_what_was_only_trained_is_not_done(recipe):
    done = compare(recipe, "--stop-stage", "3", "--only", "dense", "conf/compare.list")
    assert done.returncode == 0 and "no table: it needs stage 5" in done.stdout
    (recipe / "calls").write_text("")
    assert compare(recipe, "--only", "dense", "conf/compare.list").returncode == 0
    assert events(recipe)[::2] == ["start dense_seed1", "start dense_seed2"]


@pytest.mark.parametrize("change", ["config", "command", "stage"])
def test_another_config_or_command_is_run_again(recipe, change):
    arguments = ["--only", "dense", "conf/compare.list"]
    assert compare(recipe, *arguments).returncode == 0
    (recipe / "calls").write_text("")
    options = {"config": [], "command": ["--run-opts", "--nj 2"], "stage": ["--stage", "4"]}
    if change == "config":
        os.utime(recipe / "conf/dense.yaml")
    done = compare(recipe, *options[change], *arguments)
    assert done.returncode == 0, done.stderr
    assert events(recipe)[::2] == ["start dense_seed1", "start dense_seed2"]
    assert calls(recipe)[0][2][1] == ("4" if change == "stage" else "3")


def test_a_student_is_trained_again_after_its_teacher(recipe):
    arguments = ("--only", "dense student", *NO_TABLE)
    assert compare(recipe, *arguments).returncode == 0
    (recipe / "calls").write_text("")
    assert compare(recipe, *arguments).returncode == 0
    assert events(recipe) == []
    os.utime(recipe / "conf/dense.yaml")  # the config of the teacher
    assert compare(recipe, *arguments).returncode == 0
    assert events(recipe)[::2] == ["start dense_seed1", "start dense_seed2", "start student_seed1"]


def test_two_jobs_run_side_by_side_and_a_student_waits_for_its_teacher(recipe):
    (recipe / "hold").write_text("dense_seed1")
    with start(recipe, "--jobs", "2", "conf/compare.list") as process, held(recipe):
        # while dense_seed1 waits, dense_seed2 ends; the student must not take its place
        wait_until(lambda: "end dense_seed2" in events(recipe))
        time.sleep(0.5)
        assert sorted(events(recipe)) == [
            "end dense_seed2",
            "start dense_seed1",
            "start dense_seed2",
        ]
        (recipe / "hold").write_text("student_seed1 moe_seed1")
        wait_until(lambda: "start moe_seed1" in events(recipe))
        time.sleep(0.5)
        assert "start moe_seed2" not in events(recipe)  # there are two already
        (recipe / "hold").write_text("")
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    order = events(recipe)
    assert order.index("end dense_seed1") < order.index("start student_seed1")
    assert len(order) == 10


def test_a_student_without_its_teacher_is_not_run(recipe):
    (recipe / "fail").write_text("dense_seed1")
    done = compare(recipe, "conf/compare.list")
    assert done.returncode == 1
    assert "dense_seed1 failed, log is in" in done.stderr
    assert "student_seed1 was not run: it needs exp/compare/dense_seed1/averaged.pt" in done.stderr
    assert "start student_seed1" not in events(recipe) and "end moe_seed2" in events(recipe)
    assert "| dense | 1 |" in (recipe / "exp/compare/COMPARISON.md").read_text()


def test_only_some_systems_and_no_table_before_the_baseline(recipe):
    done = compare(recipe, "--only", "moe", "--exp-dir", "exp/x/", "conf/compare.list")
    assert done.returncode == 0, done.stderr
    assert events(recipe)[::2] == ["start moe_seed1", "start moe_seed2"]
    assert "no table: the baseline dense has no results yet" in done.stdout
    assert (recipe / "exp/x/moe_seed1/results.json").exists()
    options = ("--only", "dense", "--exp-dir", "exp/x", "--baseline", "moe")
    done = compare(recipe, *options, "conf/compare.list")
    assert done.returncode == 0, done.stderr
    assert json.loads((recipe / "exp/x/comparison.json").read_text())["baseline"] == "moe"
    page = (recipe / "exp/x/COMPARISON.md").read_text()
    assert "| dense | 2 |" in page and "| moe | 2 |" in page  # what is there is compared


def test_costs_are_those_of_the_averaged_model(recipe):
    options = ("--only", "dense", *NO_TABLE)
    assert compare(recipe, *options).returncode == 0
    costs = [recipe / f"exp/compare/dense_seed{seed}/cost.json" for seed in (1, 2)]
    assert json.loads(costs[0].read_text()) == {"macs_per_audio_sec": 5}  # newer than the model
    costs[0].unlink()
    os.utime(costs[1].with_name("averaged.pt"), (2e9 + 1, 2e9 + 1))
    done = compare(recipe, *options)
    assert done.returncode == 1  # what it now looks at is no model
    for seed in (1, 2):
        assert f"dense_seed{seed}/averaged.pt cannot be read" in done.stderr


def test_results_older_than_a_failed_run_are_neither_shown_nor_kept(recipe):
    options = ("--only", "dense", *NO_TABLE)
    assert compare(recipe, *options).returncode == 0
    os.utime(recipe / "conf/dense.yaml")
    (recipe / "fail").write_text("dense_seed1")
    assert compare(recipe, "--only", "dense", "conf/compare.list").returncode == 1
    assert "| dense | 1 |" in (recipe / "exp/compare/COMPARISON.md").read_text()
    (recipe / "fail").write_text("")
    (recipe / "calls").write_text("")
    assert compare(recipe, *options).returncode == 0
    assert events(recipe) == ["start dense_seed1", "end dense_seed1"]


def test_a_table_that_cannot_be_made_is_an_error(recipe):
    table = ("--set", "dev", "--mode", "attention", "--chunk-size", "16", "--baseline", "moe")
    done = compare(recipe, *table, "--only", "moe", "conf/compare.list")
    assert done.returncode == 1
    assert "moe_seed1/results.json has no results of set dev, attention, chunk 16" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_runs_and_the_same_call_goes_on(recipe, signum):
    (recipe / "hold").write_text("dense_seed1")
    process = start(
        recipe,
        *("--only", "dense", "conf/compare.list"),
        start_new_session=True,
        # a shell starts its background jobs with SIGINT ignored, and bash cannot undo that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: events(recipe) == ["start dense_seed1"])
    if signum == signal.SIGINT:
        os.killpg(process.pid, signum)  # as Ctrl-C does
    else:
        process.send_signal(signum)
    try:
        _, err = process.communicate(timeout=30)
    finally:
        (recipe / "hold").write_text("")
        process.kill()
    assert process.returncode == 130
    assert "the same call goes on from here" in err
    time.sleep(0.5)
    assert events(recipe) == ["start dense_seed1"]  # it is not running any more
    assert compare(recipe, "--only", "dense", "conf/compare.list").returncode == 0
    assert events(recipe)[-1] == "end dense_seed2"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("moe", ":2: system moe has no config"),
        ("moe conf/none.yaml", ":2: config conf/none.yaml of moe does not exist"),
        ("dense conf/moe.yaml", ":2: system dense stands on line 1 already"),
        ("m/oe conf/moe.yaml", ":2: a system's name has letters, digits and _.- only"),
        ("moe conf/moe.yaml a.b", ":2: 'a.b' is neither seeds=N nor a.b=value"),
        ("moe conf/moe.yaml a.b=", ":2: 'a.b=' is neither"),
        ("moe conf/moe.yaml ab=1", ":2: 'ab=1' is neither"),
        ("moe conf/moe.yaml a.b=$(x)", ":2: 'a.b=$(x)' is neither"),
        ("moe conf/moe.yaml a.b={c}", ":2: 'a.b={c}' is neither"),
        ("moe conf/moe.yaml seeds=0", ":2: 'seeds=0' is neither"),
        ("moe conf/moe.yaml seeds=x", ":2: 'seeds=x' is neither"),
        (
            "moe conf/moe.yaml a.b={exp}/big_seed{seed}/averaged.pt",
            ":2: moe_seed1 needs big_seed1, but no line above makes it",
        ),
        (  # the teacher has seed 1 only
            "moe conf/moe.yaml a.b={exp}/dense_seed{seed}/averaged.pt",
            ":2: moe_seed2 needs dense_seed2, but no line above makes it",
        ),
    ],
)
def test_a_bad_line_is_refused_before_anything_runs(recipe, line, message):
    (recipe / "conf/bad.list").write_text(f"dense conf/dense.yaml seeds=1\n{line}")
    done = compare(recipe, "conf/bad.list")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and f"conf/bad.list{message}" in done.stderr
    assert not calls(recipe)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected one argument, the list of systems, but got 0"),
        (["conf/none.list"], "no such file conf/none.list"),
        (["--baseline", "giant", "conf/compare.list"], "conf/compare.list has no system giant"),
        (["--only", "moe giant", "conf/compare.list"], "conf/compare.list has no system giant"),
        (["--jobs", "0", "conf/compare.list"], "--jobs must be at least 1"),
        (["--jobs", "two", "conf/compare.list"], "--jobs must be a whole number, but is 'two'"),
        (["--seeds", "1 a", "conf/compare.list"], "--seeds must be whole numbers, but one is 'a'"),
        (["--seeds", "1 1", "conf/compare.list"], "--seeds names 1 twice"),
        (["--seeds", "", "conf/compare.list"], "--seeds is empty"),
        (["--exp-dir", "a b", "conf/compare.list"], "--exp-dir 'a b' has characters"),
        (["--run-opts", "--x 'a", "conf/compare.list"], "--run-opts has an unmatched quote"),
        (["/dev/null"], "no such file /dev/null"),
        (["conf/empty.list"], "conf/empty.list names no systems"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(recipe, arguments, message):
    (recipe / "conf/empty.list").write_text("# nothing\n")
    done = compare(recipe, *arguments)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and message in done.stderr
    assert not calls(recipe)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--mode", "attention"],
            "--mode attention is not among the --decode-modes of run.sh (ctc",
        ),
        (
            ["--run-opts", "--decode-modes 'ctc_greedy_search attention'"],
            "--mode attention_rescoring is not among the --decode-modes of run.sh "
            '(ctc_greedy_search attention); add it: --run-opts "--decode-modes '
            "'ctc_greedy_search attention attention_rescoring'\"",
        ),
        (
            ["--chunk-size", "16"],
            "--chunk-size 16 is not among the --decoding-chunk-size of run.sh",
        ),
        (["--set", "dev"], "--set dev is not among the --test-sets of run.sh (test)"),
    ],
)
def test_what_the_table_needs_is_known_before_any_training(recipe, options, message):
    run_sh = recipe / "run.sh"
    defaults = 'decode_modes="ctc_greedy_search attention_rescoring" # searches\n'
    defaults += 'decoding_chunk_size="-1"    # frames\ntest_sets="test"   # sets\n'
    run_sh.write_text(f"{RUN_SH}'''\n{defaults}'''\n")
    done = compare(recipe, *options, "conf/compare.list")
    assert done.returncode == 1 and message in done.stderr
    assert not calls(recipe)
    if options[0] != "--run-opts":
        both = "--decode_modes 'attention attention_rescoring' --decoding-chunk-size '16 -1'"
        wider = ("--run-opts", f"{both} --test-sets 'dev test'", "--only", "dense")
        done = compare(recipe, *options, *wider, *NO_TABLE)
        assert done.returncode == 0, done.stderr


def test_the_log_of_an_earlier_call_is_kept(recipe):
    log = recipe / "exp/compare/moe_seed1/log/run.log"
    compare(recipe, "--only", "moe", "conf/compare.list")
    first = log.read_text()
    (recipe / "fail").write_text("moe_seed1")
    compare(recipe, "--only", "moe", "--stage", "4", "conf/compare.list")
    assert "no luck" in log.read_text()
    assert log.with_name("run.1.log").read_text() == first


def test_help_and_a_directory_that_is_no_recipe(recipe, tmp_path):
    done = compare(recipe, "--help")
    assert done.returncode == 0 and "conf/compare.list" in done.stdout
    listed = [line.split()[0][2:] for line in done.stdout.splitlines() if line.startswith("  --")]
    assert listed == [
        *("seeds", "jobs", "exp-dir", "train-opts", "run-opts", "only", "stage", "stop-stage"),
        *("exp-root", "exp-dirs", "baseline", "set", "mode", "chunk-size"),
    ]
    (recipe / "run.sh").unlink()
    assert "no run.sh here" in compare(recipe, "conf/compare.list").stderr
