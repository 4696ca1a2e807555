"""Training that goes on: what may change, and what may not."""

import dataclasses
from pathlib import Path

import pytest
import torch
from experiments import DENSE

from moeasr import checkpoint
from moeasr.augment.gain import GainConfig
from moeasr.config import apply_overrides, from_mapping, to_mapping
from moeasr.config_roles import role_of, values_by_key
from moeasr.data.sampler import BatchConfig
from moeasr.data.selection import LengthLimits
from moeasr.errors import InputError
from moeasr.experiment.config import DataConfig, ExperimentConfig, InitConfig
from moeasr.experiment.resumption import (
    Resumption,
    is_finished,
    resume_changes,
    take_up,
)
from moeasr.models.distillation import DistillationConfig
from moeasr.models.encoders.encoders import ENCODERS
from moeasr.models.feed_forwards import FEED_FORWARDS
from moeasr.train.checkpoint_keeper import TRAINER_KEYS
from moeasr.train.config import TrainConfig

MOE = {"model": {"encoder": {"feed_forward": {"type": "moe"}}}}
OLD = from_mapping(ExperimentConfig, MOE, "test")


def changed(key, value):
    mapping = apply_overrides(to_mapping(OLD), [f"{key}={value}"])
    return from_mapping(ExperimentConfig, mapping, "test")


def last(config=OLD):
    return {"config": to_mapping(config), "trainer": {"epoch": 1}}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.encoder.dropout", 0.2),
        ("train.freeze", "[{modules: encoder}]"),
        ("model.encoder.attention_dropout", 0.2),
        ("model.encoder.dynamic_chunk", "false"),
        ("model.encoder.max_chunk_size", 12),
        ("model.encoder.feed_forward.kernel", "loop"),
        ("model.decoder.dropout", 0.2),
        ("model.decoder.attention_dropout", 0.2),
        ("data.batch.max_frames", 100),
        ("data.batch.max_utts", 4),
        ("data.spec_augment", "null"),
        ("data.spec_augment.max_freq_bins", 4),
        ("train.optim.lr", 0.01),
        ("train.num_workers", 0),
        ("train.precision", "bf16"),
    ],
)
def test_keys_of_the_training_procedure_may_change(key, value, tmp_path):
    (change,) = resume_changes(changed(key, value), last(), tmp_path / "last.pt")
    assert change.key == key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.encoder.d_model", 128),
        ("model.encoder.feed_forward.num_experts", 4),
        ("model.encoder.feed_forward.expert_weights", "full"),
        ("model.encoder.conv_norm", "none"),
        ("model.ctc_weight", 0.5),  # dev losses of the epochs could not be compared
        ("model.label_smoothing", 0.0),
        ("model.routing_losses.z", 0.1),
        ("data.limits.max_frames", 1000),
        ("train.best_by", "acc"),
        ("train.optim.lr_factors.encoder", 0.1),  # the optimizer's groups differ
        ("init.model", "a.pt"),
        ("init.from", "a.pt"),
        ("distillation.teacher", "a.pt"),
        ("distillation.temperature", 2.0),
    ],
)
def test_keys_of_the_network_and_of_the_objective_may_not_change(key, value, tmp_path):
    new = changed(key, value)
    with pytest.raises(InputError, match=f"`{key}` is .*, but was .*"):
        resume_changes(new, last(), tmp_path / "last.pt")


@pytest.mark.parametrize("cls", [*ENCODERS.values(), *FEED_FORWARDS.values()])
def test_every_rate_of_dropout_is_procedure_and_every_size_is_not(cls):
    config = cls()
    for name in [f.name for f in dataclasses.fields(cls)]:
        if "dropout" in name:
            assert role_of(config, name) == "procedure", name
        if name.startswith(("num_", "d_", "hidden_")) or name == "type":
            assert name in values_by_key(config, "identity"), name


CMVN = (torch.zeros(3), torch.ones(3))


def last_pt(config, epoch=1):
    """The part of the content of `last.pt` that is read before training."""
    state = dict.fromkeys(TRAINER_KEYS)
    return {
        "config": to_mapping(config),
        "trainer": {**state, "epoch": epoch, "step": 5},
        "model": dict(zip(("cmvn.mean", "cmvn.istd"), CMVN)),
    }


def with_data(**changes):
    """`DENSE` with another `data:` section."""
    return dataclasses.replace(DENSE, data=DataConfig(**changes))


def test_a_new_experiment_is_not_resumed(tmp_path, caplog):
    config = with_data(batch=BatchConfig(max_frames=300))
    assert take_up(config, tmp_path, CMVN, "a/cmvn") == Resumption(False, False)
    assert list(tmp_path.iterdir()) == [] and not caplog.text


@pytest.mark.parametrize(
    ("changed", "warnings", "restarts_epoch"),
    [
        (DENSE, [], False),
        (
            with_data(batch=BatchConfig(max_utts=7)),
            ["data.batch.max_utts: 7`, which was null"],
            True,
        ),
        (
            with_data(batch=BatchConfig(num_buckets=2)),
            ["batch.num_buckets: 2`, which was 20"],
            True,
        ),
        (with_data(spec_augment=None), ["`data.spec_augment: null`, which was {"], False),
        (with_data(augment=(GainConfig(),)), ["`data.augment: [{type: gain, "], False),
        (
            dataclasses.replace(DENSE, train=TrainConfig(accum_steps=2, grad_clip=1.0)),
            ["train.accum_steps: 2`, which was 1", "train.grad_clip: 1.0`, which was 5.0"],
            False,
        ),
    ],
)
def test_a_resumed_training_may_have_other_batches_and_masks_and_says_so(
    tmp_path, caplog, changed, warnings, restarts_epoch
):
    """If the batches have changed, the epoch restarts: the next index would mean another batch."""
    checkpoint.save(tmp_path / "last.pt", last_pt(DENSE))
    assert take_up(changed, tmp_path, CMVN, "a/cmvn")[:3] == (True, restarts_epoch, None)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(warnings)
    assert all(part in message for part, message in zip(warnings, messages))


@pytest.mark.parametrize(
    ("before", "now", "restarts"), [("a", "a", False), ("a", "b", True), (None, "a", False)]
)
def test_an_epoch_restarts_with_other_shards_in_its_windows(tmp_path, before, now, restarts):
    """An old checkpoint does not contain the layout of its shards."""
    layout = {} if before is None else {"shard_layout": before}
    checkpoint.save(tmp_path / "last.pt", last_pt(DENSE) | layout)
    assert take_up(DENSE, tmp_path, CMVN, "a/cmvn").restarts_with(now) == restarts


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (with_data(limits=LengthLimits(max_frames=900)), "data.limits.max_frames` is 900, but"),
        (
            dataclasses.replace(DENSE, distillation=DistillationConfig(teacher="a.pt")),
            "distillation.teacher` is a.pt, but was null",
        ),
        (
            dataclasses.replace(DENSE, distillation=DistillationConfig(ctc_weight=0.9)),
            "distillation.ctc_weight` is 0.9, but was 0.5",
        ),
    ],
)
def test_other_utterances_or_another_teacher_do_not_go_on_with_a_training(tmp_path, changed, fault):
    checkpoint.save(tmp_path / "last.pt", last_pt(DENSE))
    with pytest.raises(InputError, match=f"`{fault}"):
        take_up(changed, tmp_path, CMVN, "a/cmvn")


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("init.model", {"init": InitConfig(model="a.pt")}),
        ("distillation.teacher", {"distillation": DistillationConfig(teacher="a.pt")}),
    ],
)
def test_a_resumed_experiment_keeps_its_initialisation_and_teacher(key, changed):
    assert resume_changes(DENSE, last_pt(DENSE), Path("last.pt")) == []
    with pytest.raises(InputError, match=f"`{key}` is a.pt, but was null"):
        resume_changes(dataclasses.replace(DENSE, **changed), last_pt(DENSE), Path("last.pt"))


def test_the_config_of_a_finished_training_stays(tmp_path):
    """The config describes how the checkpoints were trained. More epochs do not contradict it."""
    done = last_pt(DENSE, epoch=DENSE.train.max_epochs + 1)
    train = dataclasses.replace(DENSE.train, grad_clip=0.5)
    other = dataclasses.replace(DENSE, train=train)
    assert is_finished(other, done) and resume_changes(other, done, Path("last.pt")) == []
    checkpoint.save(tmp_path / "last.pt", done)
    resumption = take_up(other, tmp_path, CMVN, "a/cmvn")
    assert resumption[:3] == (True, False, None) and resumption.is_finished
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
        resumption = take_up(config, tmp_path, other, "a/cmvn")
        # that a trained model brings its own was said when training began
        assert ("a/cmvn is not used" in caplog.text) == (init.model is None)
        assert torch.equal(resumption.cmvn_mean, CMVN[0])
        caplog.clear()
