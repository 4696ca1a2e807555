"""Fixtures shared by the tests of several searches."""

import pytest
from textbook import ARPA

from moeasr.decode.fusion.ngram import NgramWeights, WordNgram
from moeasr.decode.fusion.phrase_trie import Phrase
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.decode.fusion.protocol import FusionSum
from moeasr.text.arpa import read_arpa
from moeasr.text.build_tokenizer import build_tokenizer


@pytest.fixture(scope="module")
def fusion(tmp_path_factory):
    """A fusion of a word language model and boosted phrases, for a vocabulary of 7 characters."""
    path = tmp_path_factory.mktemp("lm") / "x.lm"
    path.write_text(ARPA)
    tokenizer = build_tokenizer(["AB C"], "char")  # 7 units, including <unk> and <sos/eos>
    ngram = WordNgram(read_arpa(path), NgramWeights(0.8, 0.9, -1.5), tokenizer)
    phrases = ContextGraph([Phrase("AB A", 0.6), Phrase("C", 0.3)], tokenizer)
    return FusionSum([ngram, phrases])
