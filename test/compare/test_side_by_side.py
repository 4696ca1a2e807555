"""The order in which experiments start and wait for each other, without running anything."""

import os
import threading
import time
from pathlib import Path

import pytest
from noting_recipe import NAMES, STUDENT, TEACHER, plan_runs

from moeasr.compare.recipe_run import RecipeRun
from moeasr.compare.side_by_side import run_side_by_side

LONG = 60.0
"""Seconds that a test waits before it fails."""


class Experiments:
    """Experiments that start and end when the test says so, and the lines about them."""

    def __init__(self, recipe: Path) -> None:
        self.runs = list(plan_runs(recipe).values())
        self.started: list[str] = []
        self.said: list[str] = []
        self.failures: dict[str, str] = {}
        self.num_stops = 0
        self._changed = threading.Condition()
        self._may_end = {name: threading.Event() for name in NAMES}

    def call(self, run: RecipeRun) -> str | None:
        with self._changed:
            self.started.append(run.name)
            self._changed.notify_all()
        assert self._may_end[run.name].wait(LONG)
        if run.name == TEACHER:
            (run.directory / "averaged.pt").touch()
        return None

    def stop(self) -> None:
        self.num_stops += 1
        self.end(*NAMES)

    def end(self, *names: str) -> None:
        for name in names:
            self._may_end[name].set()

    def wait_until_started(self, *names: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: sorted(self.started) == sorted(names), LONG)

    def run(self, num_jobs: int, skip_done: bool = True) -> None:
        self.failures = run_side_by_side(
            self.runs, num_jobs, self.call, self.stop, self.said.append, skip_done
        )


@pytest.fixture
def experiments(recipe: Path) -> Experiments:
    made = Experiments(recipe)
    for run in made.runs:
        run.begin()
    return made


def test_one_at_a_time_in_the_order_of_the_list(experiments):
    experiments.end(*NAMES)
    experiments.run(1)
    assert experiments.started == NAMES and experiments.failures == {}
    assert experiments.said[2] == "3 of 5: student_seed1, log in exp/student_seed1/log/run.log"
    assert experiments.num_stops == 0


def test_a_student_waits_for_its_teacher_and_no_other_takes_its_place(experiments):
    thread = threading.Thread(target=experiments.run, args=(2,))
    thread.start()
    experiments.wait_until_started("dense_seed1", "dense_seed2")
    experiments.end("dense_seed2")
    time.sleep(0.1)
    assert len(experiments.started) == 2
    experiments.end("dense_seed1")
    experiments.wait_until_started(*NAMES[:4])  # two run, so that moe_seed2 does not start
    experiments.end(*NAMES)
    thread.join(LONG)
    assert sorted(experiments.started) == sorted(NAMES) and experiments.failures == {}


def test_no_more_than_allowed_run_at_a_time(experiments):
    lock, counts = threading.Lock(), {"running": 0, "most": 0}
    call, may_go_on = experiments.call, threading.Barrier(2)

    def counted(run):
        with lock:
            counts["running"] += 1
            counts["most"] = max(counts.values())
        if run.name in NAMES[:2]:  # two do run at a time
            may_go_on.wait(LONG)
        failure = call(run)
        with lock:
            counts["running"] -= 1
        return failure

    experiments.call = counted
    experiments.end(*NAMES)
    experiments.run(2)
    assert counts == {"running": 0, "most": 2}


def test_a_student_without_its_teacher_is_not_run_and_all_others_are(experiments):
    call = experiments.call
    experiments.end(*NAMES)
    experiments.call = lambda run: "failed" if run.name == TEACHER else call(run)
    experiments.run(1)
    assert experiments.started == ["dense_seed2", "moe_seed1", "moe_seed2"]
    assert experiments.failures == {
        TEACHER: "failed",
        STUDENT: "was not run, because dense_seed1 failed",
    }


def test_a_student_does_not_learn_from_an_earlier_run_of_its_teacher(experiments):
    experiments.end(*NAMES)
    experiments.run(1)
    call, experiments.started = experiments.call, []
    experiments.call = lambda run: "failed" if run.name == TEACHER else call(run)
    experiments.run(1, skip_done=False)
    assert STUDENT not in experiments.started
    assert experiments.failures[STUDENT] == "was not run, because dense_seed1 failed"


@pytest.mark.parametrize("skip_done", [True, False])
def test_what_is_done_is_left_out_unless_its_teacher_ran_again(experiments, skip_done):
    student, moe = experiments.runs[2], experiments.runs[3]
    for run in (student, moe):  # both are done, but the teacher is not
        os.utime(run.command_file, (1.5e9, 1.5e9))
        (run.directory / "results.json").touch()
    experiments.end(*NAMES)
    experiments.run(2, skip_done)
    assert "student_seed1" in experiments.started
    assert ("moe_seed1" in experiments.started) == (not skip_done)
    assert ("4 of 5: moe_seed1 is already done" in experiments.said) == skip_done


def test_all_are_stopped_if_the_call_is_interrupted(experiments):
    def interrupt(text):
        if text.startswith("2 of 5"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_side_by_side(experiments.runs, 2, experiments.call, experiments.stop, interrupt)
    assert experiments.num_stops == 1 and experiments.started == ["dense_seed1"]
