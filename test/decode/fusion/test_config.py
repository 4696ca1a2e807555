"""Settings of the language model and of boosted phrases."""

import pytest

from moeasr.decode.fusion.config import FusionConfig
from moeasr.errors import InputError


def test_only_settings_in_use_are_described():
    assert FusionConfig(lm_weight=3.0).describe() is None
    assert FusionConfig(context="x").describe() == {"context": "x", "context_score": 1.0}
    assert list(FusionConfig(lm="y").describe()) == [
        *("lm", "lm_weight", "lm_level", "word_bonus", "lm_unk_penalty"),
    ]
    assert FusionConfig(lm="y", context="x").describe().keys() == vars(FusionConfig()).keys()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"lm": "x", "lm_weight": -0.1}, "`lm_weight` must be at least 0, but is -0.1"),
        ({"lm": "x", "lm_unk_penalty": 1.0}, "`lm_unk_penalty` must be at most 0, but is 1.0"),
        ({"lm": "x", "lm_level": "letter"}, "`lm_level` must be word or unit, but is 'letter'"),
        ({"lm": "x", "word_bonus": float("nan")}, "`word_bonus` must be a finite number"),
        ({"context": "x", "context_score": 0.0}, "`context_score` must be above 0, but is 0.0"),
        ({"context": "x", "lm_weight": 0.1}, "`lm_weight` has no effect without `lm`"),
        ({"lm": "x", "context_score": 0.1}, "`context_score` has no effect without `context`"),
        ({"word_bonus": 1.0}, "`word_bonus` has no effect without `lm`"),
    ],
)
def test_values_out_of_range_and_without_effect_are_refused(given, sentence):
    with pytest.raises(InputError, match=sentence):
        FusionConfig.check_given(given)
        FusionConfig(**given)
