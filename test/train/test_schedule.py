"""Learning-rate schedules."""

import math
from typing import get_args, get_type_hints

import pytest

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.train.config import ScheduleConfig, TrainConfig
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


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"schedule": {"name": "linear"}}, "'schedule.name' must be 'warmup_inverse_sqrt' or"),
        ({"schedule": {"final_ratio": -1}}, "`final_ratio` must be between 0 and 1"),
        ({"optim": {"lr": float("nan")}}, "`lr` must be above 0"),
        ({"schedule": {"warmup_steps": 0}}, "`warmup_steps` must be at least 1"),
        ({"optim": {"lr": 0}}, "`lr` must be above 0"),
        ({"optim": {"betas": [0.9, 1]}}, "`betas` must be two numbers from 0 to below 1"),
        ({"optim": {"betas": [0.9]}}, "`betas` must be two numbers from 0 to below 1"),
        ({"grad_clip": 0}, "`grad_clip` must be above 0"),
        ({"optim": {"weight_decay": -1}}, "`weight_decay` must be 0 or more"),
        ({"num_workers": -1}, "`num_workers` must be at least 0"),
        ({"max_bad_steps": 0}, "`max_bad_steps` must be at least 1"),
        ({"keep_best": 0, "keep_last": 0}, "cannot both be 0"),
    ],
)
def test_a_bad_train_section_is_refused(mapping, message):
    with pytest.raises(InputError, match=message):
        from_mapping(TrainConfig, mapping, "x.yaml")
