"""Alternating rounds and their ratios, on a clock that stands still but for the work."""

import subprocess
import sys

import pytest

from moeasr.report import speed
from moeasr.report.speed import Timings, measure_machine, time_candidates


class Machine:
    """Work takes what it is told to, and longer in every round."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def clock(self):
        return self.now

    def work(self, name, took_sec):
        def run():
            self.calls.append(name)
            self.now += took_sec * (1 + len(self.calls) // 6)

        return run


def test_candidates_take_turns_forth_and_back_and_ratios_are_within_rounds():
    machine = Machine()
    candidates = {name: machine.work(name, sec) for name, sec in [("a", 1.0), ("b", 2.0)]}
    timings = time_candidates(candidates, 2, machine.clock)
    assert "".join(machine.calls) == "ab" + "abba" * 2  # once before the clock starts
    # each call's length grows from the 6th call on; the smaller of a round's two counts
    assert timings.seconds == {"a": [1.0, 2.0], "b": [2.0, 4.0]}
    assert timings.ratio("b", "a") == (0.5, 0.5, 0.5)
    assert timings.ratio("a", "b").median == 2.0
    assert timings.median_sec("a") == 1.5


def test_a_ratio_is_the_median_of_those_of_the_rounds():
    timings = Timings({"a": [1.0, 4.0, 1.0], "b": [2.0, 4.0, 6.0]})
    assert timings.ratio("a", "b") == (2.0, 1.0, 6.0)  # of 2, 1 and 6; medians are 1 and 4
    assert timings.median_sec("a") == 1.0


def test_the_machines_limits_are_those_of_the_fastest_products(monkeypatch):
    """Each work runs once and is said to take as long as here."""
    seconds = {"packed": 2.0, "plain": 0.5, "bf16": 0.25, "sum": 0.5}

    def time_candidates(candidates, num_rounds):
        for work in candidates.values():
            work()
        return Timings({name: [9.0, seconds[name]] for name in candidates})

    monkeypatch.setattr(speed, "time_candidates", time_candidates)
    num_products = 1024**3  # of the largest shape, each a multiplication and an addition
    limit = measure_machine(num_rounds=1)
    assert limit == (2 * num_products / 0.5, 2 * num_products / 0.25, 256 * 2**20 / 0.5)


def test_working_memory_is_what_work_adds():
    """In a process of its own: this one has freed pages to spare."""
    code = (
        "import torch\n"
        "from moeasr.report.speed import working_memory_bytes\n"
        "torch.ones(2)\n"
        "print(working_memory_bytes(lambda: torch.ones(2**26)), working_memory_bytes(lambda: None))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    large, nothing = map(int, done.stdout.split())
    assert large == pytest.approx(2**28, rel=0.2)
    assert nothing < 2**26
