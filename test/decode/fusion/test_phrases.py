"""Boosted phrases against counting them in the complete text."""

import random

import pytest
import torch

from moeasr.decode.fusion.ngram import NgramWeights, WordNgram
from moeasr.decode.fusion.phrase_trie import Phrase
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.decode.fusion.protocol import FusionSum
from moeasr.errors import InputError
from moeasr.text.arpa import read_arpa
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.scripts import split_words

PHRASES = [
    Phrase("AB", 1.5),
    Phrase("AB BA", 0.7),
    Phrase("BA", 2.0),
    Phrase("BA AB AB", 0.4),
    Phrase("C", 3.1),
    Phrase("ABBA", 0.9),
]


UNSPACED = [
    Phrase("手机", 1.5),
    Phrase("买", 0.7),
    Phrase("WENET", 2.0),
    Phrase("买手机", 0.4),
    Phrase("机 买WENET", 1.1),
    Phrase("ก้าว", 3.1),
    Phrase("ก", 0.9),
    Phrase("A", 0.3),
]
TEXTS = {
    "spaced": (["AB ABBA BA", "C A AB BA ABBA C AB", "BAB CC D A"], PHRASES),
    "unspaced": (
        ["我要买手机", "买WENET手机 A", "手 机買う", "ก้าวกก้ก", "WENET买WENET手机"],
        UNSPACED,
    ),
}


def expected_score(tokenizer, phrases, sequence):
    """Count each occurrence of a phrase as its boost times its number of units."""
    words, score = split_words(tokenizer.decode(sequence)), 0.0
    for phrase in phrases:
        own = split_words(phrase.text)
        pieces = [tokenizer.units[n] for n in tokenizer.encode(phrase.text)]
        num_units = sum(piece != "\u2581" for piece in pieces)
        for start in range(len(words) - len(own) + 1):
            if words[start : start + len(own)] == own:
                score += phrase.boost * num_units
    return score


def step_by_step(fusion, sequence):
    """Return the score before and after the end."""
    states, total = fusion.start()[None], 0.0
    for unit in sequence:
        scores, grown = fusion.extend(states, torch.tensor([2, unit]))
        assert float(scores[0, 0]) == 0.0  # <sos/eos> is not text
        assert torch.equal(grown[:, 0], states)
        states, total = grown[:, 1], total + float(scores[0, 1])
    return total, total + float(fusion.finish(states))


@pytest.mark.parametrize("script", TEXTS)
@pytest.mark.parametrize("kind", ["char", "bpe", "word"])
def test_only_complete_occurrences_of_phrases_are_boosted(kind, script):
    texts, phrases = TEXTS[script]
    if kind == "word":
        texts = [*texts, *(phrase.text for phrase in phrases)]
    sizes = {"spaced": 12, "unspaced": 40}
    tokenizer = build_tokenizer(texts, kind, sizes[script] if kind == "bpe" else None)
    graph = ContextGraph(phrases, tokenizer)
    rng = random.Random(7)
    units = list(range(1, tokenizer.vocab_size))
    pieces = ["AB", "BA", "C", "ABBA", "A"]
    if script == "unspaced":
        pieces = ["手机", "买", "WENET", "A", " ", "机", "ก้", "ก", "าว", "我"]
    num_matched = 0
    for _ in range(300):
        sequence = [rng.choice(units) for _ in range(rng.randrange(12))]
        if rng.random() < 0.7:
            separator = " " if script == "spaced" else ""
            text = separator.join(rng.choices(pieces, k=rng.randrange(1, 7)))
            sequence = tokenizer.encode(text)
        expected = expected_score(tokenizer, phrases, sequence)
        assert step_by_step(graph, sequence)[1] == pytest.approx(expected, abs=1e-9)
        num_matched += expected > 0
    assert num_matched > 100


def test_the_boost_does_not_depend_on_the_segmentation_into_pieces():
    texts = ["我要买手机"] * 9 + ["手机", "打开WENET网站", "买手", "要买", "机"]
    tokenizer = build_tokenizer(texts, "bpe", 40)
    assert any(len(unit.strip("\u2581")) > 2 for unit in tokenizer.units[3:])
    phrases = [Phrase("手机", 1.0), Phrase("买手机", 0.1)]
    graph = ContextGraph(phrases, tokenizer)
    numbers = {unit: number for number, unit in enumerate(tokenizer.units)}

    def spelled(text):
        """Yield all ways to write a text with the units."""
        if not text:
            yield []
        for unit, number in numbers.items():
            if number > 2 and text.startswith(unit):
                yield from ([number, *rest] for rest in spelled(text.removeprefix(unit)))

    found = [step_by_step(graph, way)[1] for way in spelled("\u2581我要买手机")]
    assert len(found) > 3
    expected = expected_score(tokenizer, phrases, tokenizer.encode("我要买手机"))
    assert expected > 1 and found == pytest.approx([expected] * len(found))


BYTES = ["<0xE6>", "<0x89>", "<0x8B>", "<0xE8>", "<0xAE>", "<0xA1>"]  # 手, 计


def test_byte_units_form_characters():
    """Use the units of a SentencePiece model with byte fallback."""
    tokenizer = build_tokenizer(["买机 ab" + "".join(BYTES)], "char", non_lang_syms=BYTES)
    hand, count = "".join(BYTES[:3]), "".join(BYTES[3:])
    graph = ContextGraph([Phrase(hand + "机", 1.0), Phrase("ab", 0.5)], tokenizer)
    for text, expected in [
        (f"买{hand}机", 4),
        (f"{count}{hand}机", 4),
        (f"{hand}机{hand}机", 8),
        (f"{count}机", 0),
        (f"{hand}ab", 1),
        (f"ab{hand}", 1),
        (f"a{hand}b", 0),
    ]:
        assert step_by_step(graph, tokenizer.encode(text))[1] == pytest.approx(expected)


def test_two_byte_units_form_a_letter_of_a_script_with_spaces():
    """In Cyrillic, for example, a phrase must match whole words."""
    units = ["<0xD0>", "<0xB0>", "<0xB1>"]  # the bytes of two letters
    tokenizer = build_tokenizer(["ab " + "".join(units)], "char", non_lang_syms=units)
    one, other = "<0xD0><0xB0>", "<0xD0><0xB1>"
    graph = ContextGraph([Phrase(one, 1.0)], tokenizer)
    for text, expected in [(one, 2), (one + other, 0), (other + one, 0), (f"{other} {one} a", 2)]:
        assert step_by_step(graph, tokenizer.encode(text))[1] == pytest.approx(expected)


def test_phrases_in_text_without_spaces():
    texts = [
        "打开 WENET 网站",
        "我要买IPHONE手机",
        "東京タワーに行きたい",
        "ฉันรักภาษาไทย",
        "한국어 말",
    ]
    tokenizer = build_tokenizer(texts, "char")
    for phrase, text, expected in [
        ("WENET", "打开WENET网站", 5),
        ("WENET", "打开 WENET 网站", 5),
        ("NET", "打开WENET网站", 0),
        ("IPHONE手机", "我要买IPHONE手机", 8),
        ("手机", "我要买IPHONE手机", 2),
        ("手机", "买 手 机", 2),
        ("東京タワー", "東京タワーに行きたい", 5),
        ("ภาษาไทย", "ฉันรักภาษาไทย", 7),
        ("ฉัน", "ฉันรัก", 3),
        ("ฉ", "ฉันรัก", 0),  # only part of a character
        ("국어", "한국어 말", 0),
        ("한국어", "한국어 말", 3),
    ]:
        graph = ContextGraph([Phrase(phrase, 1.0)], tokenizer)
        assert step_by_step(graph, tokenizer.encode(text))[1] == pytest.approx(expected), phrase


def test_two_spellings_of_a_phrase_are_one_phrase_with_the_larger_boost():
    tokenizer = build_tokenizer(["手 机a"], "char")
    for first, second in [("手机", "手 机"), ("a手", "a 手")]:
        graph = ContextGraph([Phrase(first, 1.0), Phrase(second, 2.0)], tokenizer)
        assert step_by_step(graph, tokenizer.encode(first))[1] == pytest.approx(4.0)


def test_an_incomplete_phrase_is_boosted_until_it_no_longer_matches():
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
        ("NEW  YORK", 14, 14),  # two spaces count as one
        ("NEW N", 2, 0),
        ("ANEW YORK", 0, 0),
        ("NEW YORK NEW", 20, 14),
    ]:
        letters = text.replace(" ", "\u2581")  # with its spaces, which `encode` would normalize
        sequence = [tokenizer.units.index(letter) for letter in letters]
        assert step_by_step(graph, sequence) == pytest.approx((before, after))


@pytest.mark.parametrize("step", [1, -1])
def test_a_prefix_shared_by_phrases_gets_the_largest_boost(step):
    """The order in the file does not matter."""
    tokenizer = build_tokenizer(["NEWS YORK"], "char")
    graph = ContextGraph([Phrase("NEW YORK", 2.0), Phrase("NEWS", 0.5)][::step], tokenizer)
    for text, before, after in [
        ("NE", 4, 0),
        ("NEWS", 2, 2),
        ("NEW Y", 8, 0),
        ("NEW YORK", 14, 14),
    ]:
        assert step_by_step(graph, tokenizer.encode(text)) == pytest.approx((before, after))


def test_scores_of_phrases_and_language_model_are_added(tmp_path):
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


def test_phrases_that_the_units_cannot_write_are_named(caplog):
    tokenizer = build_tokenizer(["AB BA C"], "char")
    ContextGraph([Phrase("AB", 1.0), Phrase("xy", 1.0)], tokenizer)
    assert (
        "1 of 2 phrases cannot be written with the model's units and are ignored: xy" in caplog.text
    )
    with pytest.raises(InputError, match="none of the phrases can be written .*: ab, xy; check"):
        ContextGraph([Phrase("ab", 1.0), Phrase("xy", 1.0)], tokenizer)
