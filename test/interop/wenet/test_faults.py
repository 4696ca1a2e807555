"""Components of a model that WeNet does not support."""

import dataclasses

import pytest

from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.faults import fbank_faults, model_faults
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.encoders.transformer import TransformerConfig
from moeasr.models.intermediate_ctc import IntermediateCtcConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig

WENETS = ConformerConfig(
    attention="key_position",
    final_norm=True,
    feed_forward=DenseConfig(hidden_units=64),
    macaron_feed_forward=DenseConfig(hidden_units=64),
)


def faults_of(**encoder):
    return model_faults(ModelConfig(encoder=dataclasses.replace(WENETS, **encoder)))


def test_a_model_of_wenets_parts_has_no_fault():
    assert faults_of() == []
    experts = MoeConfig(num_experts=4, experts_per_frame=2)
    assert faults_of(feed_forward=experts, macaron_feed_forward=experts) == []


@pytest.mark.parametrize(
    ("encoder", "fault"),
    [
        (
            {"attention": "relative"},
            "`model.encoder.attention` is relative, but WeNet supports only key_pos",
        ),
        (
            {"final_norm": False},
            "`model.encoder.final_norm` is false, but WeNet supports only true",
        ),
        ({"num_groups": 2}, "`model.encoder.num_groups` is 2, but WeNet supports only null"),
        ({"subsampling_channels": 64}, "`model.encoder.subsampling_channels` is 64"),
        (
            {"feed_forward": DenseConfig(hidden_units=32)},
            "differ, but in WeNet they must have the same type",
        ),
    ],
)
def test_another_part_is_named_with_its_key(encoder, fault):
    (found,) = faults_of(**encoder)
    assert fault in found


def test_other_encoders_and_routers_are_named():
    (found,) = model_faults(ModelConfig(encoder=TransformerConfig()))
    assert found == "`model.encoder.type` is transformer, but WeNet supports only conformer"
    omni = MoeConfig(num_experts=4, router="omni")
    found = faults_of(feed_forward=omni, macaron_feed_forward=omni)
    assert found[0].startswith("`model.encoder.feed_forward` has `router: omni`")


def test_self_conditioning_is_named_but_intermediate_losses_are_not_part_of_the_network():
    losses = ModelConfig(encoder=WENETS, intermediate_ctc=IntermediateCtcConfig(blocks=(3, 6)))
    assert model_faults(losses) == []
    config = IntermediateCtcConfig(blocks=(3, 6), conditioned_blocks=(6,))
    (found,) = model_faults(dataclasses.replace(losses, intermediate_ctc=config))
    key = "model.intermediate_ctc.conditioned_blocks"
    assert found == f"`{key}` is [6], but WeNet supports only []"


def test_filter_banks():
    good = FbankConfig(high_freq_hz=0.0, snip_edges=True)
    assert fbank_faults(good) == fbank_faults(dataclasses.replace(good, high_freq_hz=8000.0)) == []
    found = fbank_faults(FbankConfig(low_freq_hz=30.0))
    assert [fault.split("`")[1] for fault in found] == ["snip_edges", "low_freq_hz", "high_freq_hz"]
