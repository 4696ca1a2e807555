"""Words of a language model in sequences of units."""

import pytest
import torch

from moeasr.decode.fusion.lexicon import EMPTY, UNKNOWN, Lexicon
from moeasr.errors import InputError
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig

HAN = {"北京": -1.0, "北京大学": -2.0, "大学": -3.0, "学生": -4.0}
LATIN = {"a": -1.0, "ab": -2.0, "abba": -0.5}


def words_of(lexicon, tokenizer, text):
    """Return the words of a text, found unit by unit and at its end."""
    names, found = ["<unk>", *(HAN | LATIN)], []

    def emit(rows, numbers):
        found.extend(names[number] for number in numbers.tolist())

    state, after_unspaced = torch.tensor([EMPTY]), torch.tensor([False])
    for unit in map(torch.tensor, [[unit] for unit in tokenizer.encode(text)]):
        spellings = lexicon.spellings
        if bool(spellings.begins_word[unit]):
            lexicon.flush(state, emit)
            state = torch.tensor([EMPTY])
        elif bool(spellings.begins_here(after_unspaced, unit)):
            state = lexicon.take(state, lexicon.boundary[None], emit)
        if bool(spellings.has_letters[unit]):
            state = lexicon.take(state, unit, emit)
        after_unspaced = spellings.after(after_unspaced, unit)
    lexicon.flush(state, emit)
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("北京大学生", ["北京大学", "<unk>"]),  # the longest word wins
        ("北京学生", ["北京", "学生"]),
        ("生北", ["<unk>", "<unk>"]),
        ("ab abba a", ["ab", "abba", "a"]),
        ("abb", ["<unk>"]),
        ("ab北京ab", ["ab", "北京", "ab"]),
        ("", []),
    ],
)
def test_the_longest_word_is_found_and_other_letters_are_unknown(text, words):
    tokenizer = build_tokenizer([*HAN, *LATIN, "生 b"], "char")
    assert words_of(Lexicon(HAN | LATIN, tokenizer), tokenizer, text) == words


def test_each_state_has_the_best_word_that_continues_from_it():
    tokenizer = build_tokenizer(["ab"], "char")
    lexicon = Lexicon(LATIN, tokenizer)
    (a,), (b,) = tokenizer.encode("a"), tokenizer.encode("b")
    none = torch.tensor([EMPTY])
    after_a = lexicon.take(none, torch.tensor([a]), lambda rows, numbers: None)
    after_ab = lexicon.take(after_a, torch.tensor([b]), lambda rows, numbers: None)
    assert lexicon.best[int(after_a)] == lexicon.best[int(after_ab)] == -0.5
    after_b = lexicon.take(none, torch.tensor([b]), lambda rows, numbers: None)
    assert lexicon.best[int(after_b)] is None
    found = []
    lexicon.flush(after_b, lambda rows, numbers: found.extend(numbers.tolist()))
    assert found == [UNKNOWN]


def test_units_that_contain_a_space_are_refused():
    units = ["<blank>", "<unk>", "<sos/eos>", "a", "a\u2581b"]
    with pytest.raises(InputError, match="unit 'a\u2581b' contains more than one word"):
        Lexicon({"a": -1.0}, Tokenizer(TokenizerConfig(type="char"), units))
