"""Properties of all fusions on which the searches rely."""

import itertools
import math
import random

import pytest
import torch
from textbook import ARPA

from moeasr.decode.fusion.automaton import Arc, FailureAutomaton
from moeasr.decode.fusion.ngram import NgramWeights, UnitNgram, WordNgram
from moeasr.decode.fusion.phrase_trie import Phrase
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.decode.fusion.protocol import FusionSum, NoFusion
from moeasr.text.arpa import read_arpa
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig


def build(kind, bonus, path):
    """Build a fusion over characters, with a language model, phrases or both."""
    tokenizer = build_tokenizer(["AB C"], "char")
    weights = NgramWeights(0.8, bonus, -1.5)
    path.write_text(ARPA.replace("A -0.3", "A 0.5"))  # back-off weights may be above 1
    model = read_arpa(path)
    units, words = UnitNgram(model, weights, tokenizer), WordNgram(model, weights, tokenizer)
    phrases = ContextGraph([Phrase("AB A", 0.6), Phrase("C", 0.3), Phrase("A", 1.0)], tokenizer)
    both = FusionSum([words, phrases])
    return {"unit": units, "word": words, "phrases": phrases, "sum": both}[kind]


def largest_gain(fusion, states, units, num_units):
    """Return the most that up to `num_units` units and the end can add, by trying all of them."""
    found = fusion.finish(states)
    grown, gains = states, torch.zeros(1, dtype=torch.float64)
    for _ in range(num_units):
        more, grown = fusion.extend(grown, units)
        grown, gains = grown.flatten(0, 1), (gains[:, None] + more).flatten()
        found = torch.cat([found, gains + fusion.finish(grown)])
    return float(found.max())


@pytest.mark.parametrize("kind", ["unit", "word", "phrases", "sum"])
@pytest.mark.parametrize("bonus", [-1.0, 0.0, 2.0])
def test_the_bound_is_never_exceeded(tmp_path, kind, bonus):
    fusion, units = build(kind, bonus, tmp_path / "x.lm"), torch.arange(7)
    rng = random.Random(1)
    slack = []
    for _ in range(30):
        states = fusion.start()[None]
        for _ in range(rng.randrange(6)):
            states = fusion.extend(states, units)[1][0, rng.randrange(1, 7)][None]
        for num_units in range(4):
            bound = fusion.most(states, torch.tensor([num_units]))
            assert bound.shape == (1,) and bound.dtype == torch.float64
            slack.append(float(bound) - largest_gain(fusion, states, units, num_units))
    assert min(slack) >= -1e-9
    assert math.isfinite(max(slack))


UNSPACED_ARPA = ARPA.replace("BAB", "买手机").replace("AB", "手机").replace("-0.8 B", "-0.8 机")


@pytest.mark.parametrize("kind", ["char", "bpe"])
@pytest.mark.parametrize("bonus", [-1.0, 2.0])
def test_the_bound_is_never_exceeded_in_text_without_spaces(tmp_path, kind, bonus):
    texts = ["买手机", "手机A机买", "机手", "手机"]
    tokenizer = build_tokenizer(texts, kind, 14 if kind == "bpe" else None)
    (tmp_path / "x.lm").write_text(UNSPACED_ARPA.replace("A -0.3", "A 0.5"))
    words = WordNgram(read_arpa(tmp_path / "x.lm"), NgramWeights(0.8, bonus, -1.5), tokenizer)
    phrases = ContextGraph([Phrase("手机", 0.6), Phrase("机A", 0.3)], tokenizer)
    fusion, units = FusionSum([words, phrases]), torch.arange(tokenizer.vocab_size)
    rng = random.Random(1)
    slack = []
    for _ in range(40):
        states = fusion.start()[None]
        for _ in range(rng.randrange(6)):
            states = fusion.extend(states, units)[1][0, rng.randrange(1, len(units))][None]
        for num_units in range(3):
            bound = fusion.most(states, torch.tensor([num_units]))
            slack.append(float(bound) - largest_gain(fusion, states, units, num_units))
    assert min(slack) >= -1e-9
    assert math.isfinite(max(slack))


# Every word has log-probability 0, so that only the word bonus counts.
CERTAIN_ARPA = """\\data\\
ngram 1=5

\\1-grams:
0 <s>
0 </s>
0 A
0 买
0 东京大学生

\\end\\
"""


@pytest.mark.parametrize(
    ("kind", "bonus", "text", "num_units", "num_words"),
    [
        (UnitNgram, 2.0, "", 0, 0),
        (UnitNgram, 2.0, "A买", 3, 5),  # each unit is a word
        (UnitNgram, -2.0, "A买", 3, 2),  # the best is to end now
        (WordNgram, 2.0, "", 0, 0),
        (WordNgram, 2.0, "A", 0, 1),
        (WordNgram, 2.0, "京", 0, 1),  # an unknown word
        (WordNgram, 2.0, "东京大", 0, 3),  # three words if the long word is not completed
        (WordNgram, 2.0, "", 1, 3),  # 买学生 is one unit
        (WordNgram, 2.0, "东京", 2, 8),
        (WordNgram, -2.0, "", 2, 0),
    ],
)
def test_the_bound_equals_the_most_that_units_can_add(
    tmp_path, kind, bonus, text, num_units, num_words
):
    """With a bound that is too low, a search would end too early; with one too high, too late."""
    units = ["<blank>", "<unk>", "<sos/eos>", "A", "买学生", *"买东京大学生"]
    tokenizer = Tokenizer(TokenizerConfig(type="char"), units)
    (tmp_path / "x.lm").write_text(CERTAIN_ARPA)
    fusion = kind(read_arpa(tmp_path / "x.lm"), NgramWeights(0.7, bonus), tokenizer)
    states, so_far = fusion.start()[None], 0.0
    for unit in map(units.index, text):
        gain, states = fusion.extend(states, torch.tensor([unit]))
        states, so_far = states[:, 0], so_far + float(gain)
    found = largest_gain(fusion, states, torch.arange(len(units)), num_units)
    bound = float(fusion.most(states, torch.tensor([num_units])))
    assert (so_far + found, so_far + bound) == (bonus * num_words, bonus * num_words)


@pytest.mark.parametrize("kind", [UnitNgram, WordNgram])
def test_the_bound_includes_the_end(tmp_path, kind):
    """After A, the back-off weight is 10, so that the end adds to the score."""
    arpa = CERTAIN_ARPA.replace("=5", "=5\nngram 2=1").replace("0 A", "0 A 1")
    (tmp_path / "x.lm").write_text(arpa.replace("\\end", "\\2-grams:\n0 买 买\n\n\\end"))
    tokenizer = build_tokenizer(["A 买 东京大学生"], "char")
    fusion = kind(read_arpa(tmp_path / "x.lm"), NgramWeights(0.7), tokenizer)
    states = fusion.start()[None]
    units = tokenizer.encode("A 买")[: 1 if kind is UnitNgram else 2]  # A, or A and a space
    for unit in units:
        states = fusion.extend(states, torch.tensor([unit]))[1][:, 0]
    most = float(fusion.most(states, torch.tensor([0])))
    assert most == float(fusion.finish(states)) == pytest.approx(0.7 * math.log(10))


@pytest.mark.parametrize(
    ("boosts", "num_units", "gain"),
    [
        ({"机机": 3.0}, 0, 0.0),
        (
            {"机机": 3.0},
            2,
            12.0,
        ),  # each further 机 completes another 机机, which has two units of 3
        ({"机": 3.0, "机机": 0.1}, 0, 3.0),  # the second 机 is a complete word only at the end
    ],
)
def test_the_bound_of_phrases_is_not_exceeded(boosts, num_units, gain):
    """The text so far is 机机. Each letter and each boundary may bring the score of one letter."""
    tokenizer = build_tokenizer(["机 A"], "char")
    fusion = ContextGraph([Phrase(*item) for item in boosts.items()], tokenizer)
    states = fusion.start()[None]
    for unit in tokenizer.encode("机机"):
        states = fusion.extend(states, torch.tensor([unit]))[1][:, 0]
    for one, times in [(fusion, 1), (FusionSum([fusion, fusion]), 2)]:
        places = states.repeat(1, times)
        found = largest_gain(one, places, torch.arange(tokenizer.vocab_size), num_units)
        assert found == pytest.approx(times * gain, abs=1e-12)
        assert float(one.most(places, torch.tensor([num_units]))) >= times * gain


def test_max_weight_of_an_automaton_includes_its_failure_arcs():
    rng = random.Random(3)
    for _ in range(30):
        failures = [Arc(0, 0.0), *(Arc(rng.randrange(n), rng.uniform(-2, 1)) for n in range(1, 7))]
        places = [place for place in itertools.product(range(7), range(4)) if rng.random() < 0.4]
        arcs = {place: Arc(rng.randrange(7), rng.uniform(-3, 0.5)) for place in places}
        automaton = FailureAutomaton(arcs, failures, 4)
        _, weights = automaton.step(torch.arange(7)[:, None], torch.arange(4))
        assert automaton.max_weight >= float(weights.max()) - 1e-12
    steep = {(0, 0): Arc(1, -1.0), (1, 1): Arc(1, -2.0)}
    assert FailureAutomaton(steep, [Arc(0, 0.0), Arc(0, 0.5)], 2).max_weight == 0.5


def test_no_fusion_adds_zero():
    fusion = NoFusion()
    states = fusion.start().expand(2, 3, 1, -1)
    gains, grown = fusion.extend(states, torch.zeros(2, 3, 5, dtype=torch.int64))
    assert (gains.shape, grown.shape) == ((2, 3, 1, 5), (2, 3, 1, 5, 0))
    added = torch.cat([gains.flatten(), fusion.finish(states).flatten()])
    assert added.dtype == torch.float64 and not added.any()
    assert not fusion.most(states, torch.tensor([[9]])).any()
