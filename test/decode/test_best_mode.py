"""The decoding mode that is used if the user chooses none."""

import pytest
from tiny_models import tiny_model

from moeasr.decode.best_mode import most_accurate_mode
from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.errors import InputError


@pytest.mark.parametrize(
    ("ctc_weight", "config", "given", "mode"),
    [
        (0.3, {}, [], "joint_decoding"),
        (1.0, {}, [], "ctc_prefix_beam_search"),
        (0.3, {"reverse_weight": 0.1}, ["reverse_weight"], "attention_rescoring"),
        (0.3, {"ctc_weight": 1.5}, ["ctc_weight"], "attention_rescoring"),
        (0.3, {"fusion": FusionConfig(lm="x")}, [], "joint_decoding"),
        (1.0, {"beam_size": 4}, ["beam_size"], "ctc_prefix_beam_search"),
    ],
)
def test_the_mode_is_the_most_accurate_one_that_supports_the_settings(
    ctc_weight, config, given, mode
):
    model, config = tiny_model(ctc_weight=ctc_weight), DecodeConfig(**config)
    assert most_accurate_mode(model, config, given) == mode


def test_the_mode_of_a_model_without_ctc_is_attention():
    model = tiny_model(ctc_weight=0.0)
    assert most_accurate_mode(model, DecodeConfig(), []) == "attention"


def test_settings_that_no_mode_of_the_model_reads_are_refused():
    model, config = tiny_model(ctc_weight=1.0), DecodeConfig(reverse_weight=0.2)
    with pytest.raises(InputError, match="`reverse_weight` has no effect in ctc_prefix_beam"):
        most_accurate_mode(model, config, ["reverse_weight"])
