"""What several searches are tried with."""

import pytest
from textbook import ARPA

from moeasr.decode.fusion.ngram import NgramWeights, WordNgram
from moeasr.decode.fusion.phrases import ContextGraph, Phrase
from moeasr.decode.fusion.protocol import FusionSum
from moeasr.text.arpa import read_arpa
from moeasr.text.build_tokenizer import build_tokenizer


@pytest.fixture(scope="module")
def fusion(tmp_path_factory):
    """A language model of words and phrases to boost, over 7 characters."""
    path = tmp_path_factory.mktemp("lm") / "x.lm"
    path.write_text(ARPA)
    tokenizer = build_tokenizer(["AB C"], "char")  # 7 units with <unk> and <sos/eos>
    ngram = WordNgram(read_arpa(path), NgramWeights(0.8, 0.9, -1.5), tokenizer)
    phrases = ContextGraph([Phrase("AB A", 0.6), Phrase("C", 0.3)], tokenizer)
    return FusionSum([ngram, phrases])
