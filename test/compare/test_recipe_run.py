"""The call of an experiment, and what makes it up to date."""

import os
import shlex
from pathlib import Path

import pytest
from noting_recipe import STUDENT, TEACHER, plan_runs

from moeasr.compare.recipe_run import RecipeRun, typed


@pytest.fixture
def student(recipe: Path) -> RecipeRun:
    return plan_runs(recipe, ("--modes", "a  b"))[STUDENT]


def finish(run: RecipeRun, at: float = 2e9) -> None:
    """Write the files of a finished call: the command, and results with a later date."""
    run.begin()
    os.utime(run.command_file, (at, at))
    results = run.directory / "results.json"
    results.touch()
    os.utime(results, (at + 1, at + 1))


def test_arguments_of_a_call(student):
    teacher = "distillation.teacher=exp/dense_seed1/averaged.pt"
    rest = [
        *("--train-config", "conf/moe.yaml", "--seed", "1", "--exp-dir", "exp/student_seed1"),
        *("--train-opts", f"--set {teacher} --set a.b=null", "--modes", "a  b"),
    ]
    assert student.call() == ["./run.sh", "--stage", "3", "--stop-stage", "5", *rest]
    assert student.call(4, 4) == ["./run.sh", "--stage", "4", "--stop-stage", "4", *rest]


def test_common_train_options_come_before_those_of_the_system(student):
    common = ("--set", "train.max_epochs=2")
    run = RecipeRun(experiment=student.experiment, exp_dir="exp", train_words=common, run_words=())
    words = run.call()
    options = words[words.index("--train-opts") + 1]
    assert options.startswith("--set train.max_epochs=2 --set distillation.teacher=")


def test_without_any_option_the_train_options_are_empty(recipe):
    assert plan_runs(recipe)[TEACHER].call()[-2:] == ["--train-opts", ""]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("conf/a_b.yaml", "conf/a_b.yaml"),
        ("a  b", '"a  b"'),
        ("", '""'),
        ("it's", '"it\'s"'),
        ("a|b", '"a|b"'),
        ("$HOME", "'$HOME'"),
        ('say "a"', "'say \"a\"'"),
    ],
)
def test_a_command_is_quoted_so_that_it_can_be_typed(word, text):
    assert typed(["./run.sh", word]) == f"./run.sh {text}"
    assert shlex.split(typed(["./run.sh", word])) == ["./run.sh", word]


def test_done_is_what_ended_with_this_call(student):
    assert not student.is_done()
    finish(student)
    assert student.is_done()
    text = student.command_file.read_text()
    assert text == typed(student.call()) + "\n" and '--modes "a  b"' in text
    student.command_file.write_text(text.replace("--seed 1", "--seed 2"))
    os.utime(student.command_file, (2e9, 2e9))
    assert not student.is_done()


@pytest.mark.parametrize("file", ["conf/moe.yaml", "exp/dense_seed1/averaged.pt"])
def test_a_newer_config_or_teacher_makes_it_out_of_date(student, file):
    finish(student)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).touch()
    os.utime(file, (2e9 - 1, 2e9 - 1))
    assert student.is_done()
    os.utime(file, (2e9 + 0.5, 2e9 + 0.5))
    assert not student.is_done()


def test_a_newer_base_of_the_config_makes_it_out_of_date(student):
    Path("conf/moe.yaml").write_text("base: dense.yaml\n")
    os.utime("conf/moe.yaml", (1e9, 1e9))
    finish(student)
    assert student.is_done()
    os.utime("conf/dense.yaml", (2e9 + 0.5, 2e9 + 0.5))
    assert not student.is_done()
    Path("conf/dense.yaml").unlink()  # what run.sh will refuse
    assert not student.is_done()


def test_results_older_than_the_call_are_not_its_results(student):
    finish(student)
    results = student.directory / "results.json"
    os.utime(results, (2e9 - 1, 2e9 - 1))
    assert not student.is_done()
    results.unlink()
    assert not student.is_done()


def test_a_missing_file_of_another_experiment(student):
    teacher = Path("exp/dense_seed1/averaged.pt")
    assert student.missing_file() == str(teacher)
    teacher.parent.mkdir(parents=True)
    teacher.touch()
    assert student.missing_file() is None
