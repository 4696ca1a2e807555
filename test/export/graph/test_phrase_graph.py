"""Acceptors of boosted phrases: every sequence has the score that the fusion gives it."""

import random

import pytest
from fusion_scores import TEXTS, fusion_score, random_units
from graph_paths import NEVER, Paths

from moeasr.decode.fusion.phrase_trie import Phrase
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.export.graph.acceptor import label_of
from moeasr.export.graph.phrase_graph import phrase_acceptor
from moeasr.text.build_tokenizer import build_tokenizer

LATIN = [Phrase("AB BA", 1.5), Phrase("BA", 0.5), Phrase("ABBA C", 2.0), Phrase("A", 0.125)]
CHINESE = [Phrase("北京大学", 1.5), Phrase("大学", 0.5), Phrase("WE 东京", 2.0), Phrase("生", 0.25)]
CHINESE_TEXTS = ["北京大学生T恤AWE手机东京 买", "我 WE", "北京大学", "手机WEA", "大学生"]


@pytest.mark.parametrize("kind", ["char", "bpe", "word"])
@pytest.mark.parametrize(("phrases", "texts"), [(LATIN, TEXTS), (CHINESE, CHINESE_TEXTS)])
def test_scores_are_those_of_the_fusion(kind, phrases, texts):
    rng = random.Random(1)
    if kind == "word" and phrases is CHINESE:
        texts = [" ".join(phrase.text for phrase in phrases)]
    size = None if kind != "bpe" else 12 if phrases is LATIN else 45
    tokenizer = build_tokenizer(texts * 3, kind, size)
    context = ContextGraph(phrases, tokenizer)
    paths, num_boosted = Paths(phrase_acceptor(context)), 0
    pieces = [*(phrase.text for phrase in phrases), *"".join(texts)]
    spoken = ["".join(rng.choices(pieces, k=rng.randrange(1, 8))) for _ in range(100)]
    for units in [
        *map(tokenizer.encode, spoken),
        *random_units(tokenizer.vocab_size, rng, 100),
    ]:
        score = fusion_score(context, units)
        assert paths.best([label_of(unit) for unit in units]) == pytest.approx(score, abs=1e-9)
        num_boosted += score > 0
    assert num_boosted > 20


def test_scores_by_hand():
    tokenizer = build_tokenizer(["AB BA C"], "char")
    paths = Paths(phrase_acceptor(ContextGraph([Phrase("AB", 1.5)], tokenizer)))
    for text, score in [("", 0), ("AB", 3.0), ("AB C AB", 6.0), ("ABC", 0), ("CAB AB", 3.0)]:
        assert paths.best([label_of(unit) for unit in tokenizer.encode(text)]) == score, text
    assert paths.best([label_of(0)]) == NEVER
