"""Units of a new corpus after those of an old dictionary."""

import pytest
from experiments import DENSE, TOKENIZER, content_of

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.text.bpe import BpeSplitter, train_bpe
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.extension import extend_tokenizer, read_tokenizer
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig

OLD_TEXTS = ["cab ab cab <n>", "bad cab ab"]
NEW_TEXTS = ["cab 2b 10 <s>", "zab <unk> <n>"]


@pytest.mark.parametrize(
    ("unit_type", "size", "new"),
    [
        ("char", None, ["0", "1", "2", "<s>", "z"]),
        ("word", None, ["10", "2b", "<s>", "zab"]),
        ("bpe", 14, ["<s>", "<x>", "0", "1", "2", "z"]),  # first the symbols, also unseen ones
    ],
)
def test_old_units_keep_their_ids_and_new_ones_follow(unit_type, size, new):
    old = build_tokenizer(OLD_TEXTS, unit_type, size, ["<n>"])
    extended = extend_tokenizer(old, NEW_TEXTS, ["<n>", "<x>", "<s>"])
    assert extended.units == old.units + new
    assert extended.config.non_lang_syms == ("<n>", "<x>", "<s>")
    for text in OLD_TEXTS:
        assert extended.encode(text) == old.encode(text)
    for text in NEW_TEXTS:
        assert extended.unknown(text) == [] and extended.decode(extended.encode(text)) == text
    assert extend_tokenizer(extended, NEW_TEXTS).state() == extended.state()


def test_old_pieces_of_new_words_stay_the_same():
    """Characters between which no merge happens are cut out; the rest is split as before."""
    old = build_tokenizer(OLD_TEXTS, "bpe", 14, ["<n>"])
    extended = extend_tokenizer(old, ["99x"])
    for text in ("cab abcab dab", "bacad"):
        assert extended.encode(text) == old.encode(text)
    before, after = old.encode("abqcab"), extended.encode("ab9cab")
    assert [extended.units[number] for number in after].count("9") == 1
    assert [number for number in after if number < old.vocab_size] == [
        number for number in before if number != 1
    ]


def test_chinese_characters_extend_the_units_of_wenet():
    units = ["<blank>", "<unk>", "<sos/eos>", "A", "B", "\u2581", "\u4f60"]
    old = Tokenizer(TokenizerConfig(type="cjk_bpe"), units, train_bpe(["AB"], 6))
    extended = extend_tokenizer(old, ["\u4f60\u597d C"])
    assert extended.units == [*units, "C", "\u597d"]
    assert extended.unknown("\u4f60\u597d C") == []


def test_pieces_that_are_no_units_become_units():
    """In models of WeNet, the units are only the pieces of the training text."""
    model = train_bpe(["AB AB"], 8)
    pieces = BpeSplitter(model).symbols()
    units = ["<blank>", "<unk>", "<sos/eos>", *(piece for piece in pieces if piece != "\u2581AB")]
    old = Tokenizer(TokenizerConfig(type="cjk_bpe"), units, model)
    assert old.unknown("ab") == ["\u2581AB"]
    extended = extend_tokenizer(old, ["ab \u4ed6"])
    assert extended.units == [*units, "\u2581AB", "\u4ed6"]
    assert extended.unknown("ab \u4ed6") == []


def test_a_symbol_that_is_a_piece_already_is_refused():
    old = build_tokenizer(OLD_TEXTS, "bpe", 14, ["<n>"])
    with pytest.raises(InputError, match="^the symbol b is a piece of the BPE model already$"):
        extend_tokenizer(old, NEW_TEXTS, ["b"])


def test_a_symbol_that_is_a_unit_already_keeps_its_id():
    """Units of WeNet may have one that is neither a piece nor a listed symbol."""
    old = build_tokenizer(OLD_TEXTS, "bpe", 14)
    state = old.state() | {"type": "cjk_bpe", "units": [*old.units, "<n>"]}
    extended = extend_tokenizer(Tokenizer.from_state(state), OLD_TEXTS, ["<n>"])
    assert extended.units.count("<n>") == 1
    assert extended.encode("<n>")[-1] == len(old.units)


def test_units_are_read_from_a_dictionary_or_a_checkpoint(tmp_path):
    checkpoint.save(tmp_path / "a.pt", content_of(DENSE))
    TOKENIZER.save(tmp_path / "lang")
    checkpoint.save(tmp_path / "exp/averaged.pt", content_of(DENSE))
    for path in (tmp_path / "a.pt", tmp_path / "lang", tmp_path / "exp"):
        assert read_tokenizer(path).state() == TOKENIZER.state()
    (tmp_path / "exp/averaged.pt").rename(tmp_path / "exp/epoch_1.pt")
    with pytest.raises(InputError, match="averaged.pt does not exist; .* contains epoch_1.pt"):
        read_tokenizer(tmp_path / "exp")
    with pytest.raises(InputError, match="b.pt/tokenizer.yaml does not exist"):
        read_tokenizer(tmp_path / "b.pt")


def test_reserved_units_and_no_text_are_refused():
    old = build_tokenizer(["a b"], "word")
    with pytest.raises(InputError, match="'<blank>' is reserved"):
        extend_tokenizer(old, ["a <blank>"])
    with pytest.raises(InputError, match="there is no text"):
        extend_tokenizer(old, ["", ""])
