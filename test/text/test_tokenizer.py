"""Tokenizers of the three kinds: round trips, unknown symbols, state, directories."""

import random
from pathlib import Path

import pytest

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.text.bpe import train_bpe
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.normalize import SPACE_UNIT as SPACE
from moeasr.text.normalize import normalize
from moeasr.text.scripts import split_words
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig

TEXTS = [
    "the cat sat on the mat",
    "The dog's caf\u00e9 <noise> opened",
    "",
    "\uff21\ufb01 \u4f60\u597d",  # sentencepiece's default rules would rewrite these
    "one <unk> two",
]
KINDS = [("char", None), ("bpe", 45), ("word", None)]


def make(kind: str, vocab_size: int | None) -> Tokenizer:
    """A tokenizer of `TEXTS`."""
    return build_tokenizer(TEXTS, kind, vocab_size, ["<noise>"])  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "vocab_size"), KINDS)
def test_round_trip_of_known_and_shuffled_text(kind: str, vocab_size: int | None) -> None:
    tokenizer = make(kind, vocab_size)
    words = " ".join(TEXTS).split()
    generator = random.Random(0)
    for text in TEXTS + [" ".join(generator.choices(words, k=7)) for _ in range(20)]:
        ids = tokenizer.encode(f"  {text}\t")
        assert tokenizer.decode(ids) == normalize(text)
        assert tokenizer.unknown(text) == []
        assert 0 not in ids and 2 not in ids


def test_char_ids_by_hand() -> None:
    tokenizer = build_tokenizer(["ab a"], "char")
    assert tokenizer.units == ["<blank>", "<unk>", "<sos/eos>", "a", "b", SPACE]
    assert tokenizer.vocab_size == 6
    assert tokenizer.encode("b  aXa") == [4, 5, 3, 1, 3]
    assert tokenizer.unknown("b aXaY") == ["X", "Y"]
    assert tokenizer.decode([4, 5, 3, 1, 3]) == "b a<unk>a"


def test_case_is_never_changed() -> None:
    tokenizer = build_tokenizer(["abc"], "char")
    assert tokenizer.unknown("Abc") == ["A"]


def test_composed_and_decomposed_letters_are_one_unit() -> None:
    tokenizer = build_tokenizer(["caf\u00e9"], "char")
    assert tokenizer.encode("cafe\u0301") == tokenizer.encode("caf\u00e9")
    assert tokenizer.unknown("cafe\u0301") == []


@pytest.mark.parametrize(("kind", "vocab_size"), KINDS)
def test_unknown_words_become_unk(kind: str, vocab_size: int | None) -> None:
    tokenizer = make(kind, vocab_size)
    text = "the \u0416\u0416\u0416 cat"
    ids = tokenizer.encode(text)
    assert 1 in ids
    assert "".join(tokenizer.unknown(text)) == "\u0416\u0416\u0416"
    decoded = tokenizer.decode(ids).split()
    assert decoded[0] == "the" and decoded[-1] == "cat"
    assert set(decoded[1].replace("<unk>", "*")) == {"*"}
    assert tokenizer.unknown("one <unk>") == []


def test_literal_special_words_are_unknown_not_special() -> None:
    tokenizer = build_tokenizer(["yes no"], "word")
    assert tokenizer.encode("<blank> yes <sos/eos>") == [1, 4, 1]
    assert tokenizer.unknown("<blank> yes <sos/eos>") == ["<blank>", "<sos/eos>"]


def test_decode_leaves_out_blank_and_eos_and_refuses_foreign_ids() -> None:
    tokenizer = build_tokenizer(["ab"], "char")
    assert tokenizer.decode([2, 3, 0, 4, 2]) == "ab"
    for ids in ([5], [-1]):
        with pytest.raises(IndexError):
            tokenizer.decode(ids)


@pytest.mark.parametrize(("kind", "vocab_size"), KINDS)
def test_words_are_those_of_the_text_and_their_units_spell_them(
    kind: str, vocab_size: int | None
) -> None:
    tokenizer = make(kind, vocab_size)
    generator = random.Random(1)
    for _ in range(200):
        ids = generator.choices(range(tokenizer.vocab_size), k=generator.randrange(12))
        words = tokenizer.words(ids)
        assert [word for word, _ in words] == split_words(tokenizer.decode(ids))
        for word, places in words:
            assert word in tokenizer.decode([ids[place] for place in places])
            assert places == sorted(set(places))
        places = [place for _, places in words for place in places]
        assert places == sorted(places)


def test_words_by_hand() -> None:
    tokenizer = build_tokenizer(["ab a"], "char")
    # space, a, blank, b, space, space, unknown, a
    assert tokenizer.words([5, 3, 0, 4, 5, 5, 1, 3]) == [("ab", [1, 3]), ("<unk>a", [6, 7])]
    assert tokenizer.words([]) == []
    tokenizer = build_tokenizer(["one two"], "word")
    assert tokenizer.words([4, 4, 3]) == [("two", [0]), ("two", [1]), ("one", [2])]


def test_words_without_spaces_by_hand() -> None:
    units = ["<blank>", "<unk>", "<sos/eos>", *"买手ab\u0e01\u0e49\u2581", "我要", "WE买"]
    char = Tokenizer(TokenizerConfig(type="char"), units)
    for symbols, words in [
        (["买", "手"], [("买", [0]), ("手", [1])]),
        (["a", "b", "买", "a"], [("ab", [0, 1]), ("买", [2]), ("a", [3])]),
        (["\u0e01", "\u0e49", "a"], [("\u0e01\u0e49", [0, 1]), ("a", [2])]),
        (["我要", "\u2581", "手"], [("我", [0]), ("要", [0]), ("手", [2])]),
        (["a", "WE买", "b"], [("aWE", [0, 1]), ("买", [1]), ("b", [2])]),
        (["手", "<unk>", "手"], [("手", [0]), ("<unk>", [1]), ("手", [2])]),
    ]:
        assert char.words([units.index(symbol) for symbol in symbols]) == words
    word = Tokenizer(TokenizerConfig(type="word"), [*units[:3], "我要WE", "b"])
    assert word.words([3, 4, 4]) == [
        *[("我", [0]), ("要", [0]), ("WE", [0])],
        *[("b", [1]), ("b", [2])],
    ]


def test_bytes_are_merged_into_characters() -> None:
    hand = ["<0xE6>", "<0x89>", "<0x8B>"]
    cafe = ["\u2581caf", "<0xC3>", "<0xA9>"]
    units = ["<blank>", "<unk>", "<sos/eos>", *hand, *cafe]
    tokenizer = Tokenizer(TokenizerConfig(type="cjk_bpe"), units, train_bpe(["AB"], 6))
    ids = [units.index(unit) for unit in [*cafe, *hand, *hand[:2], "\u2581caf", *hand[:2]]]
    assert tokenizer.decode(ids) == "café手\ufffd caf\ufffd"
    assert tokenizer.words(ids[6:]) == [("\ufffd", [0, 1]), ("caf\ufffd", [2, 3, 4])]
    assert tokenizer.words([6, 0, 7, 8, 3, 2, 4, 5]) == [("café", [0, 2, 3]), ("手", [4, 6, 7])]


def test_a_space_in_byte_units_separates_words() -> None:
    units = ["<blank>", "<unk>", "<sos/eos>", "a", "b", "<0x20>"]
    tokenizer = Tokenizer(TokenizerConfig(type="cjk_bpe"), units, train_bpe(["AB"], 6))
    assert tokenizer.decode([3, 5, 4, 4]) == "a bb"
    assert tokenizer.words([3, 5, 4, 4]) == [("a", [0]), ("bb", [2, 3])]


@pytest.mark.parametrize(("kind", "vocab_size"), KINDS)
def test_state_and_directory_rebuild_the_same(
    kind: str, vocab_size: int | None, tmp_path: Path
) -> None:
    tokenizer = make(kind, vocab_size)
    checkpoint.save(tmp_path / "x.pt", {"tokenizer": tokenizer.state()})
    tokenizer.save(tmp_path / "lang")
    from_state = Tokenizer.from_state(checkpoint.load(tmp_path / "x.pt")["tokenizer"])
    from_dir = Tokenizer.from_dir(tmp_path / "lang")
    assert (tmp_path / "lang" / "bpe.model").exists() == (kind == "bpe")
    for other in (from_state, from_dir):
        assert other.state() == tokenizer.state()
        assert other.encode("the cat <noise> sat") == tokenizer.encode("the cat <noise> sat")


def test_directory_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tokenizer.yaml does not exist"):
        Tokenizer.from_dir(tmp_path)
    make("bpe", 45).save(tmp_path / "a")
    make("bpe", 44).save(tmp_path / "b")
    (tmp_path / "a" / "units.txt").write_bytes((tmp_path / "b" / "units.txt").read_bytes())
    with pytest.raises(InputError, match="do not belong together"):
        Tokenizer.from_dir(tmp_path / "a")
    (tmp_path / "b" / "bpe.model").write_bytes(b"junk")
    with pytest.raises(InputError, match="not a sentencepiece model"):
        Tokenizer.from_dir(tmp_path / "b")
    (tmp_path / "b" / "bpe.model").unlink()
    with pytest.raises(InputError, match="bpe.model does not exist"):
        Tokenizer.from_dir(tmp_path / "b")
    (tmp_path / "b" / "tokenizer.yaml").write_text("type: phone\n")
    with pytest.raises(InputError, match="'type' must be 'char' or 'bpe' or 'word'"):
        Tokenizer.from_dir(tmp_path / "b")


def test_wrong_parts_are_refused() -> None:
    with pytest.raises(InputError, match="list of units must begin with <blank>"):
        Tokenizer(TokenizerConfig(type="char"), ["a", "b"])
    with pytest.raises(InputError, match="do not use a BPE model"):
        Tokenizer(TokenizerConfig(type="char"), ["<blank>", "<unk>", "<sos/eos>"], b"x")
    with pytest.raises(InputError, match="state must have the keys"):
        Tokenizer.from_state({"units": []})
