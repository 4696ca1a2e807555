"""WeNet's BPE units."""

import pytest

from moeasr.errors import InputError
from moeasr.text.bpe import train_bpe
from moeasr.text.cjk_bpe import CjkBpeSplitter
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig

MODEL = train_bpe(["HELLO WORLD HELLO", "LOW WORD"], vocab_size=20)


def test_chinese_is_split_by_character_and_the_rest_by_piece_in_capitals():
    splitter = CjkBpeSplitter(MODEL, ("<NOISE>",))
    units = splitter.split("\u4f60\u597d hello<NOISE>world\u7684")
    assert [unit for unit in units if len(unit) == 1 and unit > "\u4e00"] == list(
        "\u4f60\u597d\u7684"
    )
    assert "<NOISE>" in units and "".join(units).isupper()
    assert splitter.join(units) == "\u4f60\u597d HELLO<NOISE> WORLD\u7684"


def test_characters_are_those_from_4e00_to_9fff_as_in_wenet():
    splitter = CjkBpeSplitter(MODEL)
    assert splitter.split("\u4e00\u9fa6\u9fff") == ["\u4e00", "\u9fa6", "\u9fff"]
    neighbours = "\u4dff\u4dfe\ua000\ua001"  # sentencepiece leaves unknown letters together
    assert splitter.split(neighbours) == ["\u2581", neighbours]


def test_the_unknown_symbol_is_a_unit_beside_other_symbols():
    assert CjkBpeSplitter(MODEL, ("<NOISE>",)).split("<unk><NOISE>") == ["<unk>", "<NOISE>"]


def test_pieces_without_a_unit_are_unknown():
    pieces = CjkBpeSplitter(MODEL).split("HELLO")
    units = ["<blank>", "<unk>", "<sos/eos>", *dict.fromkeys(pieces), "\u4f60"]
    tokenizer = Tokenizer(TokenizerConfig(type="cjk_bpe"), units, MODEL)
    assert tokenizer.decode(tokenizer.encode("hello")) == "HELLO"
    assert tokenizer.encode("\u4f60\u597d") == [len(units) - 1, 1]
    assert tokenizer.unknown("\u597d") == ["\u597d"]
    state = Tokenizer.from_state(tokenizer.state())
    assert state.encode("hello \u4f60") == tokenizer.encode("hello \u4f60")


def test_it_is_saved_and_loaded_in_a_dictionary_directory(tmp_path):
    tokenizer = Tokenizer(
        TokenizerConfig(type="cjk_bpe"), ["<blank>", "<unk>", "<sos/eos>", "\u4f60"], MODEL
    )
    tokenizer.save(tmp_path)
    assert Tokenizer.from_dir(tmp_path).state() == tokenizer.state()


def test_it_needs_a_model():
    units = ["<blank>", "<unk>", "<sos/eos>"]
    with pytest.raises(InputError, match="require a BPE model"):
        Tokenizer(TokenizerConfig(type="cjk_bpe"), units)
    with pytest.raises(InputError, match="not a sentencepiece model"):
        CjkBpeSplitter(b"no model")
