"""What several searches are tried with."""

import pytest

from moeasr.decode.context import ContextGraph, Phrase
from moeasr.decode.fusion import FusionSum
from moeasr.decode.ngram import NgramWeights, WordNgram
from moeasr.text.arpa import read_arpa
from moeasr.text.build import build_tokenizer

LM = """\\data\\
ngram 1=7
ngram 2=4

\\1-grams:
-99 <s> -0.4
-0.6 </s>
-0.9 A -0.3
-1.1 AB -0.2
-0.8 B
-1.6 BAB -0.1
-2.5 <unk>

\\2-grams:
-0.3 <s> AB
-0.2 AB A
-1.5 A A
-0.4 A </s>

\\end\\
"""


@pytest.fixture(scope="module")
def fusion(tmp_path_factory):
    """A language model of words and phrases to boost, over 7 characters."""
    path = tmp_path_factory.mktemp("lm") / "x.lm"
    path.write_text(LM)
    tokenizer = build_tokenizer(["AB C"], "char")  # 7 units with <unk> and <sos/eos>
    ngram = WordNgram(read_arpa(path), NgramWeights(0.8, 0.9, -1.5), tokenizer)
    phrases = ContextGraph([Phrase("AB A", 0.6), Phrase("C", 0.3)], tokenizer)
    return FusionSum([ngram, phrases])
