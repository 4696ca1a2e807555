"""The parts of a training, and input that is refused before any of them is built."""

import dataclasses

import pytest
import torch
from systems import make_system

from moeasr.errors import InputError
from moeasr.experiment.training import TrainingInputs, legend, make_trainer

INPUTS = TrainingInputs(
    config="conf.yaml",
    overrides=(),
    train_dir="data/train",
    dev_dir="data/dev",
    data_type="feats",
    dict_dir="data/lang",
    cmvn="data/train/global_cmvn",
    exp_dir="exp",
    seed=1,
    command="moeasr train",
)


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "conf.yaml"
    path.write_text("train: {max_epochs: 2}\n")
    return str(path)


def test_a_config_that_is_absent_or_wrong_is_named(tmp_path, conf):
    absent = dataclasses.replace(INPUTS, config=str(tmp_path / "other.yaml"))
    with pytest.raises(InputError, match=r"config file .*other\.yaml does not exist"):
        make_trainer(absent, torch.device("cpu"))
    wrong = dataclasses.replace(INPUTS, config=conf, overrides=["train.max_epoch=3"])
    with pytest.raises(InputError, match="did you mean 'train.max_epochs'"):
        make_trainer(wrong, torch.device("cpu"))


def test_nothing_is_written_before_all_inputs_are_read(tmp_path, conf):
    exp_dir = tmp_path / "exp"
    inputs = dataclasses.replace(
        INPUTS, config=conf, dict_dir=str(tmp_path / "lang"), exp_dir=str(exp_dir)
    )
    with pytest.raises(InputError, match="lang"):
        make_trainer(inputs, torch.device("cpu"))
    assert not exp_dir.exists()


@pytest.mark.parametrize(
    ("system", "has_accuracy", "has_labels"),
    [
        ("u2pp_moe", True, False),
        ("speechmoe_transformer", False, False),
        ("learned_group", True, True),
    ],
)
def test_the_legend_explains_what_the_log_will_contain(system, has_accuracy, has_labels):
    text = legend(make_system(system).config)
    assert text.startswith("losses are means per utterance; ") and "dev WER: " in text
    assert ("dev accuracy: " in text, "dev labels: " in text) == (has_accuracy, has_labels)
