"""A comparison that is planned from its options and run with a run.sh that notes its calls."""

import os
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from noting_recipe import CHOICE, NAMES, OPTIONS, STUDENT, TEACHER, started, take_events

from moeasr.compare.option_texts import SeriesOptions
from moeasr.compare.series import duration, plan_series, run_series
from moeasr.errors import InputError


def run(**options: str) -> dict[str, str]:
    """Plan and run; return what went wrong."""
    return run_series(plan_series(OPTIONS._replace(**options), CHOICE))


def test_every_option_reaches_the_plan(recipe):
    series = plan_series(
        SeriesOptions(
            list_file="conf/compare.list",
            seeds="5",
            jobs="3",
            exp_dir="exp/x/",
            train_opts="--set  a.b=1",
            run_opts="--nj '1  2'",
            only="moe dense",
            stage="4",
            stop_stage="9",
        ),
        CHOICE,
    )
    assert [run.name for run in series.planned] == ["dense_seed5", "student_seed5", "moe_seed5"]
    assert [run.name for run in series.chosen] == ["dense_seed5", "moe_seed5"]
    assert series.exp_dir == "exp/x"
    assert (series.num_jobs, series.stage, series.stop_stage) == (3, 4, 9)
    dense = series.chosen[0]
    assert (dense.train_words, dense.run_words) == (("--set", "a.b=1"), ("--nj", "1  2"))


def test_experiments_run_in_order_with_their_arguments(recipe, capsys):
    assert run(run_opts="--modes 'a  b'") == {}
    expected = [event for name in NAMES for event in (f"start {name}", f"end {name}")]
    assert take_events(recipe) == expected
    directory = Path("exp/compare/dense_seed1")
    assert (directory / "arguments").read_text().splitlines() == [
        *("--stage", "3", "--stop-stage", "5", "--train-config", "conf/dense.yaml"),
        *("--seed", "1", "--exp-dir", "exp/compare/dense_seed1", "--train-opts", ""),
        *("--modes", "a  b"),
    ]
    assert (directory / "log/run.log").read_text().startswith("# ./run.sh --stage 3 --stop-stage")
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == "== 1 of 5: dense_seed1, log in exp/compare/dense_seed1/log/run.log"
    assert re.fullmatch(r"== dense_seed1 ended after \d+ s", second)


def test_called_again_only_what_failed_runs(recipe, capsys):
    (recipe / "fail").write_text(f"{STUDENT} {TEACHER}")
    log = "failed, log is in exp/compare/{}_seed1/log/run.log"
    needs = "was not run, because dense_seed1 failed"
    assert run() == {TEACHER: log.format("dense"), STUDENT: needs}
    assert "no luck" in Path("exp/compare/dense_seed1/log/run.log").read_text()
    assert re.search(r"^== dense_seed1 failed after \d+ s$", capsys.readouterr().out, re.M)

    (recipe / "fail").write_text(STUDENT)
    take_events(recipe)
    assert run() == {STUDENT: log.format("student")}
    assert started(recipe) == [TEACHER, STUDENT]
    assert "== 2 of 5: dense_seed2 is already done" in capsys.readouterr().out

    (recipe / "fail").write_text("")
    assert run() == {} and started(recipe) == [STUDENT]
    assert run() == {} and started(recipe) == []


@pytest.mark.parametrize("change", ["config", "run_opts", "stage"])
def test_another_config_or_command_is_run_again(recipe, change):
    run(only="dense")
    take_events(recipe)
    if change == "config":
        os.utime("conf/dense.yaml")
    options = {"config": {}, "run_opts": {"run_opts": "--nj 2"}, "stage": {"stage": "4"}}
    assert run(only="dense", **options[change]) == {}
    assert started(recipe) == ["dense_seed1", "dense_seed2"]
    words = Path("exp/compare/dense_seed1/arguments").read_text().split()
    assert words[1] == ("4" if change == "stage" else "3")


def test_decoding_again_does_not_make_a_training_up_to_date(recipe):
    run(only="moe")
    os.utime("conf/moe.yaml")
    run(only="moe", stage="4")
    take_events(recipe)
    assert run(only="moe") == {}
    assert started(recipe) == ["moe_seed1", "moe_seed2"]


def test_what_was_only_trained_is_not_done(recipe):
    assert run(only="moe", stop_stage="3") == {}
    take_events(recipe)
    assert run(only="moe") == {}
    assert started(recipe) == ["moe_seed1", "moe_seed2"]


def test_a_student_is_trained_again_after_its_teacher(recipe):
    run(only="dense student")
    os.utime("conf/dense.yaml")  # the config of the teacher
    take_events(recipe)
    assert run(only="dense student") == {}
    assert started(recipe) == ["dense_seed1", "dense_seed2", "student_seed1"]


def test_results_older_than_a_failed_run_are_not_kept(recipe):
    run(only="moe")
    os.utime("conf/moe.yaml")
    (recipe / "fail").write_text("moe_seed1")
    assert list(run(only="moe")) == ["moe_seed1"]
    (recipe / "fail").write_text("")
    take_events(recipe)
    assert run(only="moe") == {}
    assert started(recipe) == ["moe_seed1"]


def test_an_experiment_whose_log_cannot_be_written_is_a_failure_like_others(recipe):
    (recipe / "exp/compare").mkdir(parents=True)
    (recipe / "exp/compare/moe_seed1").write_text("a file where the directory should be")
    (name, failure), *more = run(only="moe").items()
    assert (name, more) == ("moe_seed1", [])
    assert failure.startswith("failed: exp/compare/moe_seed1") and "directory" in failure
    assert started(recipe) == ["moe_seed2"]


def test_an_experiment_that_another_comparison_runs_is_left_alone(recipe, monkeypatch):
    @contextmanager
    def refuse(log):
        if "moe_seed1" in str(log):
            raise InputError(f"{log.parent}: is already running here")
        log.parent.mkdir(parents=True)
        yield

    monkeypatch.setattr("moeasr.compare.series.hold_log", refuse)
    failures = run(only="moe")
    sentence = "was not run: exp/compare/moe_seed1/log: is already running here"
    assert failures == {"moe_seed1": sentence}
    assert not (recipe / "exp/compare/moe_seed1").exists()
    assert started(recipe) == ["moe_seed2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"list_file": "conf/none.list"}, "no such file conf/none.list"),
        ({"list_file": "/dev/null"}, "no such file /dev/null"),
        ({"only": "moe giant"}, "conf/compare.list has no system giant"),
        ({"jobs": "0"}, "--jobs must be at least 1"),
        ({"stage": "x"}, "--stage must be a whole number, but is 'x'"),
        ({"stop_stage": "x"}, "--stop-stage must be a whole number, but is 'x'"),
        ({"seeds": "1 1"}, "--seeds contains 1 twice"),
        ({"exp_dir": "a b"}, "--exp-dir 'a b' has characters"),
        ({"run_opts": "--x 'a"}, "--run-opts has an unmatched quote"),
    ],
)
def test_bad_options_are_refused(recipe, options, message):
    with pytest.raises(InputError, match=message):
        plan_series(OPTIONS._replace(**options), CHOICE)


def test_the_baseline_must_be_in_the_list(recipe):
    with pytest.raises(InputError, match="conf/compare.list has no system giant"):
        plan_series(OPTIONS, CHOICE._replace(baseline="giant"))


def test_a_directory_without_run_sh_is_no_recipe(recipe):
    (recipe / "run.sh").chmod(0o644)
    with pytest.raises(InputError, match=r"there is no run\.sh here; run this command in the dir"):
        plan_series(OPTIONS, CHOICE)


WIDER = "--decode_modes 'attention attention_rescoring' --decoding-chunk-size '16 -1'"


@pytest.mark.parametrize(
    ("choice", "run_opts", "message"),
    [
        (
            CHOICE._replace(mode="attention"),
            "",
            "--mode attention is not among the --decode-modes of run.sh (ctc_greedy_search ",
        ),
        (
            CHOICE,
            "--decode-modes 'ctc_greedy_search attention'",
            "--mode attention_rescoring is not among the --decode-modes of run.sh "
            '(ctc_greedy_search attention); add it: --run-opts "--decode-modes '
            "'ctc_greedy_search attention attention_rescoring'\"",
        ),
        (
            CHOICE._replace(chunk_size=16),
            "",
            "--chunk-size 16 is not among the --decoding-chunk-size of run.sh (-1)",
        ),
        (
            CHOICE._replace(test_set="dev"),
            "",
            "--set dev is not among the --test-sets of run.sh (test)",
        ),
    ],
)
@pytest.mark.parametrize("script", ["run.sh", "utils/recipe.sh"])
def test_what_the_table_needs_is_known_before_any_training(
    recipe, script, choice, run_opts, message
):
    """Defaults of options are in run.sh or in the script that recipes share."""
    defaults = 'decode_modes="ctc_greedy_search attention_rescoring" # searches\n'
    defaults += 'decoding_chunk_size="-1"    # frames\ntest_sets="test"   # sets\n'
    (recipe / "utils").mkdir()
    with open(recipe / script, "a") as out:
        out.write(defaults)
    with pytest.raises(InputError) as caught:
        plan_series(OPTIONS._replace(run_opts=run_opts), choice)
    assert message in str(caught.value)
    plan_series(OPTIONS._replace(run_opts=f"{WIDER} --test-sets 'dev test'"), choice)
    plan_series(OPTIONS._replace(run_opts=run_opts, stop_stage="4"), choice)  # no table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.2, "4 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
