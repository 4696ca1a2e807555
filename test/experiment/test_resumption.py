"""Training that goes on: what may change, and what may not."""

import dataclasses
from pathlib import Path

import pytest
import torch
from experiments import DENSE

from moeasr import checkpoint
from moeasr.config import from_mapping, load_yaml, to_mapping
from moeasr.data.sampler import BatchConfig
from moeasr.data.selection import LengthLimits
from moeasr.errors import InputError
from moeasr.experiment.config import DataConfig, ExperimentConfig, InitConfig
from moeasr.experiment.resumption import is_finished, resume_changes, take_up
from moeasr.models.distillation import DistillationConfig
from moeasr.train.checkpoint_keeper import TRAINER_KEYS
from moeasr.train.config import TrainConfig

CMVN = (torch.zeros(3), torch.ones(3))


def last_pt(config, epoch=1):
    """The content of a `last.pt`, as far as it is looked at before training."""
    state = dict.fromkeys(TRAINER_KEYS)
    return {
        "config": to_mapping(config),
        "trainer": {**state, "epoch": epoch, "step": 5},
        "model": dict(zip(("cmvn.mean", "cmvn.istd"), CMVN)),
    }


def with_data(**changes):
    """`DENSE` with another `data:` section."""
    return dataclasses.replace(DENSE, data=DataConfig(**changes))


def config_yaml(exp_dir):
    return from_mapping(ExperimentConfig, load_yaml(exp_dir / "config.yaml"), "config.yaml")


def test_a_new_experiment_is_not_resumed_and_keeps_its_config(tmp_path, caplog):
    config = with_data(batch=BatchConfig(max_frames=300))
    assert take_up(config, tmp_path, CMVN, "a/cmvn") == (False, False)
    assert config_yaml(tmp_path) == config and not caplog.text


@pytest.mark.parametrize(
    ("changed", "warnings", "restarts_epoch"),
    [
        (DENSE, [], False),
        (with_data(batch=BatchConfig(max_utts=7)), ["data.batch.max_utts: 7, it was None"], True),
        (with_data(batch=BatchConfig(num_buckets=2)), ["batch.num_buckets: 2, it was 20"], True),
        (with_data(spec_augment=None), ["another data.spec_augment: None, it was {"], False),
        (
            dataclasses.replace(DENSE, train=TrainConfig(accum_steps=2, grad_clip=1.0)),
            ["train.accum_steps: 2, it was 1", "train.grad_clip: 1.0, it was 5.0"],
            False,
        ),
    ],
)
def test_a_resumed_training_may_have_other_batches_and_masks_and_says_so(
    tmp_path, caplog, changed, warnings, restarts_epoch
):
    """Other batches let the epoch begin again: the number of the next one would mean another."""
    take_up(DENSE, tmp_path, CMVN, "a/cmvn")
    checkpoint.save(tmp_path / "last.pt", last_pt(DENSE))
    assert take_up(changed, tmp_path, CMVN, "a/cmvn") == (True, restarts_epoch)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(warnings)
    assert all(part in message for part, message in zip(warnings, messages))
    assert config_yaml(tmp_path) == changed


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (with_data(limits=LengthLimits(max_frames=900)), "data.limits.max_frames` is 900, but"),
        (
            dataclasses.replace(DENSE, distillation=DistillationConfig(teacher="a.pt")),
            "distillation.teacher` is a.pt, but was None",
        ),
        (
            dataclasses.replace(DENSE, distillation=DistillationConfig(ctc_weight=0.9)),
            "distillation.ctc_weight` is 0.9, but was 0.5",
        ),
    ],
)
def test_other_utterances_or_another_teacher_do_not_go_on_with_a_training(tmp_path, changed, fault):
    take_up(DENSE, tmp_path, CMVN, "a/cmvn")
    checkpoint.save(tmp_path / "last.pt", last_pt(DENSE))
    with pytest.raises(InputError, match=f"`{fault}"):
        take_up(changed, tmp_path, CMVN, "a/cmvn")
    assert config_yaml(tmp_path) == DENSE


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("init.model", {"init": InitConfig(model="a.pt")}),
        ("distillation.teacher", {"distillation": DistillationConfig(teacher="a.pt")}),
    ],
)
def test_an_experiment_does_not_go_on_with_other_beginnings_or_another_teacher(key, changed):
    assert resume_changes(DENSE, last_pt(DENSE), Path("last.pt")) == []
    with pytest.raises(InputError, match=f"`{key}` is a.pt, but was None so far"):
        resume_changes(dataclasses.replace(DENSE, **changed), last_pt(DENSE), Path("last.pt"))


def test_the_config_of_a_finished_training_stays(tmp_path):
    """It tells how the checkpoints came about; to train longer is no contradiction to it."""
    done = last_pt(DENSE, epoch=DENSE.train.max_epochs + 1)
    train = dataclasses.replace(DENSE.train, grad_clip=0.5)
    other = dataclasses.replace(DENSE, train=train)
    assert is_finished(other, done) and resume_changes(other, done, Path("last.pt")) == []
    take_up(DENSE, tmp_path, CMVN, "a/cmvn")
    checkpoint.save(tmp_path / "last.pt", done)
    assert take_up(other, tmp_path, CMVN, "a/cmvn") == (True, False)
    assert config_yaml(tmp_path) == DENSE
    longer = dataclasses.replace(train, max_epochs=DENSE.train.max_epochs + 1)
    other = dataclasses.replace(DENSE, train=longer)
    keys = [change.key for change in resume_changes(other, done, Path("last.pt"))]
    assert not is_finished(other, done) and keys == ["train.max_epochs", "train.grad_clip"]


def test_a_config_written_before_a_key_existed_is_the_same_config():
    old = last_pt(DENSE)
    del old["config"]["init"], old["config"]["distillation"], old["config"]["model"]["embedding"]
    assert resume_changes(DENSE, old, Path("last.pt")) == []


@pytest.mark.parametrize("init", [InitConfig(), InitConfig(model="a.pt")])
def test_a_resumed_training_warns_of_another_cmvn(tmp_path, caplog, init):
    config = dataclasses.replace(DENSE, init=init)
    checkpoint.save(tmp_path / "last.pt", last_pt(config))
    take_up(config, tmp_path, CMVN, "a/cmvn")
    assert not caplog.text
    for number in (0, 1):
        other = [value + (index == number) for index, value in enumerate(CMVN)]
        take_up(config, tmp_path, other, "a/cmvn")
        # that a trained model brings its own was said when training began
        assert ("a/cmvn is not used" in caplog.text) == (init.model is None)
        caplog.clear()
