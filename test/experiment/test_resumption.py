"""Keys of an experiment's config that may change when it is resumed, and those that may not."""

import dataclasses

import pytest

from moeasr.config import apply_overrides, from_mapping, to_mapping
from moeasr.config_roles import role_of, values_by_key
from moeasr.errors import InputError
from moeasr.experiment.config import ExperimentConfig
from moeasr.experiment.resumption import network_of, resume_changes
from moeasr.models.encoders.encoders import ENCODERS
from moeasr.models.feed_forwards import FEED_FORWARDS

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
def test_how_training_goes_about_it_may_change(key, value, tmp_path):
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
        ("init.model", "a.pt"),
        ("distillation.teacher", "a.pt"),
        ("distillation.temperature", 2.0),
    ],
)
def test_what_is_trained_and_what_for_may_not_change(key, value, tmp_path):
    new = changed(key, value)
    with pytest.raises(InputError, match=f"`{key}` is .*, but was .* so far"):
        resume_changes(new, last(), tmp_path / "last.pt")


def test_averages_are_of_one_network_whatever_changed_on_the_way():
    assert network_of(last(changed("model.encoder.dropout", 0.2)), "a.pt") == network_of(
        last(), "a.pt"
    )
    network = network_of(last(changed("model.encoder.d_model", 128)), "a.pt")
    assert network["model.encoder.d_model"] == 128
    assert "model.ctc_weight" in network


def test_a_checkpoint_without_a_config_is_named():
    with pytest.raises(InputError, match=r"a\.pt"):
        network_of({"config": 3}, "a.pt")


@pytest.mark.parametrize("cls", [*ENCODERS.values(), *FEED_FORWARDS.values()])
def test_every_rate_of_dropout_is_procedure_and_every_size_is_not(cls):
    config = cls()
    for name in [f.name for f in dataclasses.fields(cls)]:
        if "dropout" in name:
            assert role_of(config, name) == "procedure", name
        if name.startswith(("num_", "d_", "hidden_")) or name == "type":
            assert name in values_by_key(config, "identity"), name
