"""Boosted phrases against counting them in the whole text."""

import random

import pytest
import torch

from moeasr.decode.context import ContextGraph, Phrase, read_phrases
from moeasr.decode.fusion import FusionSum
from moeasr.decode.ngram import NgramWeights, WordNgram
from moeasr.errors import InputError
from moeasr.text.arpa import read_arpa
from moeasr.text.build import build_tokenizer

PHRASES = [
    Phrase("AB", 1.5),
    Phrase("AB BA", 0.7),
    Phrase("BA", 2.0),
    Phrase("BA AB AB", 0.4),
    Phrase("C", 3.1),
    Phrase("ABBA", 0.9),
]


def expected_score(tokenizer, sequence):
    """Each place where the words of a phrase stand, and its units are those of the tokenizer."""
    words, units, scores = tokenizer.decode(sequence).split(), [], 0.0
    pieces = [tokenizer.units[number] for number in sequence if number != 2]
    for piece in pieces if tokenizer.config.type != "word" else []:
        if piece.startswith("\u2581") or not units:
            units.append([])
        if piece != "\u2581":
            units[-1].append(piece)
    units = [word for word in units if word]
    for phrase in PHRASES:
        length = len(phrase.text.split())
        own = [tokenizer.units[n] for n in tokenizer.encode(phrase.text)]
        own = [piece for piece in own if piece != "\u2581"]
        for start in range(len(words) - length + 1):
            if " ".join(words[start : start + length]) != phrase.text:
                continue
            if tokenizer.config.type == "bpe" and sum(units[start : start + length], []) != own:
                continue
            scores += phrase.boost * len(own)
    return scores


def step_by_step(fusion, sequence):
    """The score before and after the end."""
    states, total = fusion.start()[None], 0.0
    for unit in sequence:
        scores, grown = fusion.extend(states, torch.tensor([2, unit]))
        assert float(scores[0, 0]) == 0.0  # <sos/eos> is no text
        assert torch.equal(grown[:, 0], states)
        states, total = grown[:, 1], total + float(scores[0, 1])
    return total, total + float(fusion.finish(states))


@pytest.mark.parametrize("kind", ["char", "bpe", "word"])
def test_every_occurrence_counts_and_nothing_else(kind):
    texts = ["AB ABBA BA", "C A AB BA ABBA C AB", "BAB CC D A"]
    tokenizer = build_tokenizer(texts, kind, 12 if kind == "bpe" else None)
    graph = ContextGraph(PHRASES, tokenizer)
    rng = random.Random(7)
    units = list(range(1, tokenizer.vocab_size))
    num_matched = 0
    for _ in range(300):
        sequence = [rng.choice(units) for _ in range(rng.randrange(12))]
        if rng.random() < 0.7:
            text = " ".join(rng.choices(["AB", "BA", "C", "ABBA", "A"], k=rng.randrange(1, 7)))
            sequence = tokenizer.encode(text)
        expected = expected_score(tokenizer, sequence)
        assert step_by_step(graph, sequence)[1] == pytest.approx(expected, abs=1e-9)
        num_matched += expected > 0
    assert num_matched > 150


def test_a_phrase_that_has_begun_is_boosted_until_it_breaks_off():
    tokenizer = build_tokenizer(["A NEW YORK CITY OLD"], "char")
    graph = ContextGraph([Phrase("NEW YORK", 2.0)], tokenizer)
    for text, before, after in [
        ("N", 2, 0),
        ("NE", 4, 0),
        ("NEW ", 6, 0),
        ("NEW YOR", 12, 0),
        ("NEW YORK", 14, 14),
        ("NEW YORKY", 0, 0),
        ("NEW YORK CITY", 14, 14),
        ("NEW  YORK", 14, 14),  # two spaces are one
        ("NEW N", 2, 0),
        ("ANEW YORK", 0, 0),
        ("NEW YORK NEW", 20, 14),
    ]:
        letters = text.replace(" ", "\u2581")  # as it is, while `encode` would clean it
        sequence = [tokenizer.units.index(letter) for letter in letters]
        assert step_by_step(graph, sequence) == pytest.approx((before, after))


def test_together_with_a_language_model(tmp_path):
    path = tmp_path / "lm"
    path.write_text(
        "\\data\\\nngram 1=4\n\\1-grams:\n-99 <s>\n-0.5 </s>\n-0.7 AB\n-1.1 C\n\\end\\\n"
    )
    tokenizer = build_tokenizer(["AB BA C"], "char")
    graph = ContextGraph(PHRASES, tokenizer)
    ngram = WordNgram(read_arpa(path), NgramWeights(0.4, 0.1, -2.0), tokenizer)
    both = FusionSum([ngram, graph])
    for text in ["AB C", "BA AB", "", "C C A"]:
        sequence = tokenizer.encode(text)
        parts = [step_by_step(part, sequence) for part in (ngram, graph)]
        assert step_by_step(both, sequence) == pytest.approx(tuple(map(sum, zip(*parts))))


def test_a_list_of_phrases_is_read(tmp_path):
    path = tmp_path / "phrases.txt"
    path.write_text("NEW  YORK\n\nOLD\t4.5\n")
    assert read_phrases(path, 1.5) == [Phrase("NEW YORK", 1.5), Phrase("OLD", 4.5)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("A\nB\tx\n", r"p\.txt:2: the boost 'x' is not a number"),
        ("A\nB\t-1\n", r"p\.txt:2: a boost must be above 0, but is -1"),
        ("A\t1\t2\n", r"p\.txt:1: must be `phrase` or `phrase TAB boost`"),
        ("\t2\n", r"p\.txt:1: must be"),
        ("A\nB\nA\n", r"p\.txt:3: phrase 'A' stands there twice"),
        ("\n \n", r"p\.txt holds no phrase"),
        ("", r"p\.txt is empty"),
        ("A\r\n", r"p\.txt:1: carriage return"),
    ],
)
def test_a_bad_list_is_named_by_file_and_line(tmp_path, content, message):
    path = tmp_path / "p.txt"
    path.write_bytes(content.encode())
    with pytest.raises(InputError, match=message):
        read_phrases(path, 1.0)


def test_phrases_that_cannot_be_written_are_named(caplog):
    tokenizer = build_tokenizer(["AB BA C"], "char")
    ContextGraph([Phrase("AB", 1.0), Phrase("xy", 1.0)], tokenizer)
    assert "left out 1 phrases that the model's units cannot write: xy" in caplog.text
    with pytest.raises(InputError, match=r"all of them are phrases.*cannot write: ab, xy"):
        ContextGraph([Phrase("ab", 1.0), Phrase("xy", 1.0)], tokenizer)
