"""The fusion that is built from the settings."""

import math

import pytest
import torch

from moeasr.decode.fusion.build_fusion import build_fusion
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.fusion.ngram import UnitNgram, WordNgram
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.decode.fusion.protocol import FusionSum
from moeasr.errors import InputError
from moeasr.text.build_tokenizer import build_tokenizer

LM = "\\data\\\nngram 1=4\n\\1-grams:\n-99 <s>\n-0.5 </s>\n-0.7 AB\n-1.1 A\n\\end\\\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "x.lm").write_text(LM)
    (tmp_path / "x.txt").write_text("AB A\n")
    return {"lm": str(tmp_path / "x.lm"), "context": str(tmp_path / "x.txt")}


@pytest.mark.parametrize(
    ("unit_type", "level", "kind"),
    [
        ("char", "word", WordNgram),
        ("char", "unit", UnitNgram),
        ("word", "word", UnitNgram),
        ("word", "unit", UnitNgram),
    ],
)
def test_lm_level_and_units_determine_the_kind_of_language_model(files, unit_type, level, kind):
    tokenizer = build_tokenizer(["AB A"], unit_type)
    fusion = build_fusion(FusionConfig(lm=files["lm"], lm_level=level), tokenizer)
    assert type(fusion) is kind


def test_language_model_and_phrases_are_used_alone_together_or_not_at_all(files):
    tokenizer = build_tokenizer(["AB A"], "char")
    assert build_fusion(FusionConfig(), tokenizer) is None
    assert type(build_fusion(FusionConfig(context=files["context"]), tokenizer)) is ContextGraph
    assert type(build_fusion(FusionConfig(**files), tokenizer)) is FusionSum


def score(fusion, tokenizer, text):
    """Return the score of a complete text."""
    states, total = fusion.start()[None], 0.0
    for unit in tokenizer.encode(text):
        gains, grown = fusion.extend(states, torch.tensor([unit]))
        states, total = grown[:, 0], total + float(gains)
    return total + float(fusion.finish(states))


def test_scores_depend_on_the_settings(files):
    """In base 10, AB has -0.7 and the end has -0.5. BA is unknown, with P(<unk>) = 1."""
    tokenizer = build_tokenizer(["AB A"], "char")
    ln10 = math.log(10)
    weights = {"lm_weight": 0.75, "word_bonus": 0.25, "lm_unk_penalty": -3.0}
    fusion = build_fusion(FusionConfig(lm=files["lm"], **weights), tokenizer)
    expected = 0.75 * (-1.2 * ln10 - 3.0) + 2 * 0.25
    assert score(fusion, tokenizer, "AB BA") == pytest.approx(expected, abs=1e-12)
    fusion = build_fusion(FusionConfig(lm=files["lm"]), tokenizer)
    expected = 0.5 * (-1.2 * ln10 - 10.0)  # the defaults: weight 0.5, bonus 0, penalty -10
    assert score(fusion, tokenizer, "AB BA") == pytest.approx(expected, abs=1e-12)
    for settings, boost in [({"context_score": 2.5}, 2.5), ({}, 1.0)]:
        fusion = build_fusion(FusionConfig(context=files["context"], **settings), tokenizer)
        assert score(fusion, tokenizer, "AB A") == pytest.approx(3 * boost, abs=1e-12)


def test_a_file_that_does_not_match_the_units_is_named(files):
    lower = build_tokenizer(["ab a"], "char")
    with pytest.raises(InputError, match=r"x\.lm: no word of the language model can be spelled"):
        build_fusion(FusionConfig(lm=files["lm"]), lower)
    with pytest.raises(InputError, match=r"x\.txt: none of the phrases can be written"):
        build_fusion(FusionConfig(context=files["context"]), lower)
