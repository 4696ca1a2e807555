"""Byte-pair-encoding units: training and pieces."""

import re

import pytest

from moeasr.errors import InputError
from moeasr.text.bpe import BpeSplitter, train_bpe
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.normalize import normalize
from moeasr.text.tokenizer import Tokenizer

TEXTS = ["the cat sat on the mat", "The dog's caf\u00e9 <noise> opened", "", "one <unk> two"]


def make(vocab_size: int | None) -> Tokenizer:
    return build_tokenizer(TEXTS, "bpe", vocab_size, ["<noise>"])


def test_pieces_of_a_text_and_their_text() -> None:
    splitter = BpeSplitter(train_bpe(["ab ab", "ab c"], 9))
    assert splitter.symbols() == ["ab", "\u2581ab", "\u2581", "a", "b", "c"]
    assert splitter.split("ab cq") == ["\u2581ab", "\u2581", "c", "q"]  # q is in no text
    assert splitter.join(["\u2581ab", "\u2581", "c", "<0xC3>", "<0xA9>"]) == "ab c\u00e9"


def test_bpe_vocabulary_is_exact_deterministic_and_bounded() -> None:
    assert make(45).vocab_size == 45
    assert make(45).state() == make(45).state()
    with pytest.raises(InputError, match=r"too small: it must be at least (\d+)") as small:
        make(6)
    least = int(re.search(r"at least (\d+)", str(small.value))[1])
    assert make(least).vocab_size == least
    with pytest.raises(InputError, match="too small"):
        make(least - 1)
    with pytest.raises(InputError, match=r"too large: the text gives at most (\d+)") as large:
        make(5000)
    most = int(str(large.value).split()[-2])
    assert make(most).vocab_size == most
    with pytest.raises(InputError, match="require a vocabulary size"):
        make(None)


def test_symbols_of_several_letters_are_one_bpe_unit() -> None:
    tokenizer = make(45)
    assert tokenizer.encode("<noise>")[-1:] == [tokenizer.units.index("<noise>")]
    assert tokenizer.units.index("<noise>") in tokenizer.encode("a<noise>b")


def test_long_transcripts_take_part_in_bpe_training() -> None:
    long_text = "zebra " * 2000  # above sentencepiece's default limit of 4192 bytes
    tokenizer = build_tokenizer(["a cat", normalize(long_text)], "bpe", 14)
    assert tokenizer.unknown("zebra") == []


def test_a_letter_that_occurs_once_in_a_long_text_has_a_bpe_unit() -> None:
    """sentencepiece's default leaves out the rarest 0.05 % of the running characters."""
    tokenizer = build_tokenizer(["ab ba " * 1000, "a z"], "bpe", 9)
    assert tokenizer.unknown("ab z") == []


def test_bytes_that_are_no_model_are_refused() -> None:
    for content in (b"", b"junk"):
        with pytest.raises(InputError, match="^not a sentencepiece model: "):
            BpeSplitter(content)
    with pytest.raises(InputError, match="^there is no text to train BPE units on$"):
        train_bpe(["", ""], 10)
