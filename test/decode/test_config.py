"""Decoding settings: their ranges, defaults, and requirements on a model."""

import math

import pytest
from tiny_models import tiny_model

from moeasr.decode.config import ENCODER_SETTINGS, DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.errors import InputError


@pytest.mark.parametrize(
    "fault",
    [
        {"chunk_size": 0},
        {"chunk_size": -2},
        {"beam_size": 0},
        {"num_left_chunks": -2},
        {"num_left_chunks": 2},  # a number of left chunks needs a chunk size
        {"ctc_weight": -0.1},
        {"ctc_weight": math.nan},
        {"ctc_weight": math.inf},
        {"length_penalty": math.nan},
        {"length_penalty": -math.inf},
        {"reverse_weight": 1.1},
    ],
)
def test_a_value_out_of_range_is_named(fault):
    (name,) = fault
    with pytest.raises(InputError, match=f"`{name}`"):
        DecodeConfig(**fault)


def test_default_settings():
    assert vars(DecodeConfig()) == {
        "chunk_size": -1,
        "num_left_chunks": -1,
        "beam_size": 10,
        "ctc_weight": 0.5,
        "reverse_weight": None,  # 0.3 if the model has a right-to-left decoder, see below
        "length_penalty": 0.0,
        "fusion": FusionConfig(),
    }


def test_the_default_of_reverse_weight_depends_on_the_model():
    assert DecodeConfig().resolve(tiny_model()).reverse_weight == 0.3
    assert DecodeConfig(reverse_weight=0.7).resolve(tiny_model()).reverse_weight == 0.7
    for model in (
        tiny_model(reverse_weight=0.0, num_reverse_blocks=0),
        tiny_model(reverse_weight=0.0),
    ):
        assert DecodeConfig().resolve(model).reverse_weight == 0.0
        with pytest.raises(InputError, match="right-to-left"):
            DecodeConfig(reverse_weight=0.3).resolve(model)


def test_a_chunk_size_is_refused_for_a_model_that_cannot_decode_in_chunks():
    model = tiny_model(causal_conv=False, dynamic_chunk=False)
    assert DecodeConfig().resolve(model).chunk_size == -1
    with pytest.raises(InputError, match="cannot decode in chunks"):
        DecodeConfig(chunk_size=4).resolve(model)


def test_encoder_settings_are_fields_of_the_config():
    assert set(ENCODER_SETTINGS) < set(vars(DecodeConfig()))
