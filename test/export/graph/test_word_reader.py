"""Units in, words out: every division of a text into words is found, and no other."""

import pytest

from moeasr.decode.fusion.lexicon import Lexicon
from moeasr.export.graph.word_reader import WordReader
from moeasr.text.build_tokenizer import build_tokenizer


def divisions(reader, names, units):
    """All sequences of words that the reader writes for units; `-` is the unknown word."""
    found = set()
    pending = [(0, 0, ())]
    while pending:
        state, place, words = pending.pop()
        last = reader.last_words(state)
        if place == len(units) and last is not None:
            found.add(" ".join(names[word] for word in (*words, *last)))
        for arc in reader.arcs[state]:
            if arc.unit is None:
                pending.append((arc.target, place, words + arc.words))
            elif place < len(units) and arc.unit == units[place]:
                pending.append((arc.target, place + 1, words + arc.words))
    return found


@pytest.fixture(params=["char", "bpe"])
def tokenizer(request):
    texts = ["AB ABBA BA 北京大学生 大学", "C A AB BA 北京 大AB学 BA"] * 3
    return build_tokenizer(texts, request.param, 30 if request.param == "bpe" else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {""}),
        ("AB BA", {"AB BA", "AB -", "- BA", "- -"}),
        ("ABA AB", {"- AB", "- -"}),
        ("A", {"-"}),  # the beginning of a word is no word
        ("北京大", {"北京 -", "- - -"}),
        ("北京", {"北京", "- -"}),
        ("北 京", {"- -"}),
        ("北京大学", {"北京大学", "北京 大学", "北京 - -", "- - 大学", "- - - -"}),
        ("大AB", {"大AB", "- AB", "- -"}),
    ],
)
def test_all_divisions_into_words_are_found(tokenizer, text, expected):
    words = ["AB", "ABBA", "BA", "北京", "北京大学", "大学", "大AB"]
    reader = WordReader(Lexicon(dict.fromkeys(words, -1.0), tokenizer))
    names = ["-", *words]
    assert divisions(reader, names, tokenizer.encode(text)) == expected


def test_only_states_between_words_hold_no_letters(tokenizer):
    reader = WordReader(Lexicon({"AB": -1.0}, tokenizer))
    assert reader.is_between_words(0)
    assert reader.last_words(0) == ()
    for state in range(len(reader.arcs)):
        words = reader.last_words(state)
        if words is not None:
            assert (words == ()) == reader.is_between_words(state)
