"""Acceptors of models over units."""

import random

import pytest
from fusion_scores import TEXTS, fusion_score, random_units
from graph_paths import NEVER, Paths

from moeasr.decode.fusion.ngram import NgramWeights, UnitNgram
from moeasr.export.graph.acceptor import label_of
from moeasr.export.graph.backoff import BackoffTable
from moeasr.export.graph.unit_graph import unit_acceptor
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.kneser_ney import estimate

WEIGHTS = NgramWeights(weight=0.7, bonus=1.3, unk_penalty=-3.0)


def make(kind, order, texts=TEXTS):
    tokenizer = build_tokenizer(TEXTS, kind, 12 if kind == "bpe" else None)
    units = [[tokenizer.units[unit] for unit in tokenizer.encode(text)] for text in texts]
    ngram = UnitNgram(estimate(units, order), WEIGHTS, tokenizer)
    return tokenizer, ngram, Paths(unit_acceptor(ngram, BackoffTable(ngram.network.automaton)))


@pytest.mark.parametrize("kind", ["char", "bpe", "word"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_scores_are_those_of_the_fusion(kind, order):
    tokenizer, ngram, paths = make(kind, order, TEXTS[:2])  # D is unknown
    num_equal = 0
    for units in random_units(tokenizer.vocab_size, random.Random(order), 100):
        score, exact = paths.best([label_of(unit) for unit in units]), fusion_score(ngram, units)
        assert score > exact - 1e-9
        num_equal += score == pytest.approx(exact, abs=1e-9)
    assert num_equal == 100 if order < 3 else num_equal > 40


def test_blank_and_end_are_no_units():
    _, _, paths = make("char", 2)
    assert paths.best([label_of(0)]) == paths.best([label_of(2)]) == NEVER
