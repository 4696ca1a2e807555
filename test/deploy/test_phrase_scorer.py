"""Scores of boosted phrases without torch, against those in torch."""

import random

import pytest
import torch

from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.fusion.phrase_trie import Phrase
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.deploy.phrase_scorer import PhraseScorer
from moeasr.errors import InputError
from moeasr.text.build_tokenizer import build_tokenizer

TEXTS = ["AB ABBA BA", "C A AB BA", "我要买手机", "买WENET手机 A", "手 機買う"]
PHRASES = [
    *(Phrase("AB", 1.5), Phrase("AB BA", 0.7), Phrase("BA", 2.0), Phrase("ABBA", 0.9)),
    *(Phrase("手机", 1.5), Phrase("买手机", 0.4), Phrase("WENET", 2.0), Phrase("机 买WENET", 1.1)),
]


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_scores_equal_those_of_the_graph_in_torch(kind):
    tokenizer = build_tokenizer(TEXTS, kind, 40 if kind == "bpe" else None)
    scorer, graph = PhraseScorer(PHRASES, tokenizer), ContextGraph(PHRASES, tokenizer)
    generator, num_boosted = random.Random(3), 0
    for _ in range(100):
        state, states = scorer.start(), graph.start()[None]
        for _ in range(12):
            unit = generator.randrange(tokenizer.vocab_size)
            gain, state = scorer.extend(state, unit)
            gains, grown = graph.extend(states, torch.tensor([unit]))
            states = grown[:, 0]
            assert gain == pytest.approx(gains.item(), abs=1e-12)
            assert scorer.finish(state) == pytest.approx(graph.finish(states).item(), abs=1e-12)
            num_boosted += gain != 0
    assert num_boosted > 50


def test_a_list_that_cannot_be_used_is_named(tmp_path):
    tokenizer = build_tokenizer(["AB"], "char")
    assert PhraseScorer.read(FusionConfig(), tokenizer) is None
    path = tmp_path / "phrases.txt"
    for content, sentence in [("ab\n", "none of the phrases can be"), ("A\tx\n", "the boost 'x'")]:
        path.write_text(content)
        with pytest.raises(InputError, match=sentence) as refusal:
            PhraseScorer.read(FusionConfig(context=str(path)), tokenizer)
        assert str(refusal.value).count(str(path)) == 1
    path.write_text("AB\t2\n")
    scorer = PhraseScorer.read(FusionConfig(context=str(path)), tokenizer)
    total, state = 0.0, scorer.start()
    for unit in tokenizer.encode("AB"):
        gain, state = scorer.extend(state, unit)
        total += gain
    assert total + scorer.finish(state) == 4.0
