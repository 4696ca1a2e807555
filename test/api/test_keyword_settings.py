"""Settings as keyword arguments."""

from pathlib import Path

import numpy as np
import pytest

from moeasr.api.keyword_settings import apply_settings, check_names
from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.live.config import EndpointConfig
from moeasr.errors import InputError
from moeasr.options import field_names


def test_settings_take_the_place_of_defaults_wherever_their_field_is():
    settings = {
        "beam_size": np.int64(4),
        "lm": Path("words.arpa"),
        "lm_weight": 1,
        "ctc_weight": None,
    }
    config, given = apply_settings(settings, DecodeConfig(chunk_size=8))
    fusion = FusionConfig(lm="words.arpa", lm_weight=1.0)
    assert config == DecodeConfig(chunk_size=8, beam_size=4, fusion=fusion)
    assert given == {"beam_size": 4, "fusion": {"lm": "words.arpa", "lm_weight": 1}}


def test_every_setting_can_be_given():
    for defaults in (DecodeConfig(), EndpointConfig()):
        values = vars(defaults) | vars(getattr(defaults, "fusion", None) or FusionConfig())
        for name in field_names(defaults):
            assert apply_settings({name: values[name]}, defaults)[0] == defaults


def test_settings_of_other_dataclasses_are_left_to_them():
    config, given = apply_settings({"blank_threshold": 0.5}, DecodeConfig())
    assert (config, given) == (DecodeConfig(), {})
    check_names(["blank_threshold", "lm"], [DecodeConfig(), EndpointConfig()], [])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("beam_sise", "unknown setting 'beam_sise'; did you mean 'beam_size'"),
        ("modes", "unknown setting 'modes'; did you mean 'mode'"),
        ("fusion", "unknown setting 'fusion'; there are: chunk_size,.* lm, .*context_score$"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(name, sentence):
    with pytest.raises(InputError, match=sentence):
        check_names(["lm", name], [DecodeConfig()], ["mode"])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"beam_size": "3"}, "settings: 'beam_size' must be an integer, but is '3'"),
        ({"beam_size": 0}, "`beam_size` must be at least 1, but is 0"),
        ({"lm_level": "letter"}, "'lm_level' must be 'word' or 'unit', but is 'letter'"),
        ({"context": 7}, "'context' must be text, but is 7"),
    ],
)
def test_wrong_values_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        apply_settings(settings, DecodeConfig())
