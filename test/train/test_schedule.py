"""Learning-rate schedules."""

import math
from typing import get_args, get_type_hints

import pytest

from moeasr.train.config import ScheduleConfig
from moeasr.train.schedule import SCHEDULES, learning_rate_factor


def test_inverse_sqrt_rises_to_1_then_falls_with_the_root():
    config = ScheduleConfig(name="warmup_inverse_sqrt", warmup_steps=100)
    factors = [learning_rate_factor(step, 1000, config) for step in (1, 50, 100, 400)]
    assert factors == pytest.approx([0.01, 0.5, 1.0, 0.5])


def test_cosine_rises_to_1_then_falls_to_the_final_ratio():
    config = ScheduleConfig(name="warmup_cosine", warmup_steps=100, final_ratio=0.1)
    factors = [learning_rate_factor(step, 1100, config) for step in (1, 100, 600, 1100, 9999)]
    assert factors == pytest.approx([0.01, 1.0, 0.55, 0.1, 0.1])
    assert math.isclose(learning_rate_factor(101, 1100, config), 1.0, abs_tol=1e-3)


def test_every_schedule_of_the_config_is_there_and_no_other():
    assert set(SCHEDULES) == set(get_args(get_type_hints(ScheduleConfig)["name"]))
