"""The `train:` section."""

import pytest

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.train.config import FreezeConfig, OptimConfig, ScheduleConfig, TrainConfig


def test_an_empty_section_has_the_defaults_and_sections_are_nested():
    assert from_mapping(TrainConfig, {}, "x.yaml") == TrainConfig()
    assert TrainConfig().optim == OptimConfig(name="adamw", lr=1e-3, betas=(0.9, 0.98))
    assert TrainConfig().schedule == ScheduleConfig(name="warmup_inverse_sqrt", warmup_steps=25000)
    mapping = {"max_epochs": 3, "optim": {"lr": 0.5, "betas": [0.8, 0.9]}}
    config = from_mapping(TrainConfig, mapping, "x.yaml")
    assert (config.max_epochs, config.optim.lr, config.optim.betas) == (3, 0.5, (0.8, 0.9))


def test_one_frozen_module_needs_no_brackets():
    entry = {"modules": "*", "except": ["ctc"], "until_epoch": 2}
    config = from_mapping(TrainConfig, {"freeze": [entry]}, "x.yaml")
    assert config.freeze == (FreezeConfig(modules=("*",), except_=("ctc",), until_epoch=2),)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"schedule": {"name": "linear"}}, "'schedule.name' must be 'warmup_inverse_sqrt' or"),
        ({"schedule": {"final_ratio": -1}}, "`final_ratio` must be between 0 and 1"),
        ({"optim": {"lr": float("nan")}}, "`lr` must be positive"),
        ({"schedule": {"warmup_steps": 0}}, "`warmup_steps` must be at least 1"),
        ({"optim": {"lr": 0}}, "`lr` must be positive"),
        ({"optim": {"betas": [0.9, 1]}}, "`betas` must be two numbers from 0 to below 1"),
        ({"optim": {"betas": [0.9]}}, "`betas` must be two numbers from 0 to below 1"),
        ({"optim": {"lr_factors": {"ctc": 0}}}, "`lr_factors.ctc` must be positive, .* use `train"),
        ({"freeze": [{"modules": []}]}, "`modules` names no module to freeze"),
        ({"freeze": [{"modules": "ctc", "until_epoch": 0}]}, "`until_epoch` must be at least 1"),
        ({"freeze": ["encoder"]}, r"'freeze\[0\]' must be a section of keys"),
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
