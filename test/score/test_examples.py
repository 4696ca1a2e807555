"""Example hypotheses: the choice of utterances, and the marks of errors."""

import pytest

from moeasr.errors import InputError
from moeasr.score.alignment import Step
from moeasr.score.details import per_utt_text
from moeasr.score.error_rate import Pair, word_error_rate
from moeasr.score.examples import (
    alignment_lines,
    example_lines,
    has_unspaced_words,
    read_alignments,
)


def test_written_alignments_are_read_back(tmp_path):
    pairs = [
        Pair("u1", "THE CAT SAT DOWN", "A CAT SAT"),
        Pair("u2", "YES", "OH YES"),
        Pair("u3", "", ""),
        Pair("u4", "*** IT", "IT"),
    ]
    rate = word_error_rate(pairs)
    (tmp_path / "per_utt").write_text(per_utt_text(rate))
    found = read_alignments(tmp_path / "per_utt")
    assert found == {utt.utt_id: list(utt.steps) for utt in rate.utterances}


def test_errors_are_marked_below_their_words_and_lines_are_wrapped():
    steps = [
        Step("C", "MEET", "MEET"),
        Step("S", "MARIA", "MARY"),
        Step("D", "ON", None),
        Step("I", None, "A"),
        Step("C", "SUNDAY", "SUNDAY"),
    ]
    assert alignment_lines(steps) == [
        "ref  MEET MARIA ON  *** SUNDAY",
        "hyp  MEET MARY  *** A   SUNDAY",
        "          S     D   I",
    ]
    assert alignment_lines(steps, width=15) == [
        *("ref  MEET MARIA", "hyp  MEET MARY", "          S"),
        *("ref  ON  ***", "hyp  *** A", "     D   I"),
        *("ref  SUNDAY", "hyp  SUNDAY"),
    ]


def test_chinese_characters_take_two_columns():
    steps = [Step("D", "你", None), Step("S", "好", "号"), Step("C", "吗", "吗")]
    # `***` is wider than the character above it
    assert alignment_lines(steps) == ["ref  你  好 吗", "hyp  *** 号 吗", "     D   S"]


def test_examples_are_spread_evenly_over_the_test_set():
    alignments = {f"u{n}": [Step("C", "A", "A")] for n in range(20)}
    lines = example_lines(alignments)
    assert [line for line in lines if line.startswith("u")] == ["u2", "u6", "u10", "u14", "u18"]
    assert lines[:5] == ["u2", "ref  A", "hyp  A", "", "u6"] and lines[-1] == "hyp  A"
    silence = {"u1": [], "u2": [Step("I", None, "A")], "u3": [Step("D", "A", None)]}
    assert example_lines(silence) == ["u3", "ref  A", "hyp  ***", "     D"]
    assert example_lines({}) == []


@pytest.mark.parametrize(
    ("words", "is_unspaced"),
    [
        (["go", "on"], False),
        (["你好", "世界", "ok"], True),
        (["你", "go", "on"], False),
        ([], False),
    ],
)
def test_the_script_of_most_words_determines_the_error_rate(words, is_unspaced):
    assert has_unspaced_words({"u1": [Step("D", word, None) for word in words]}) == is_unspaced


def test_lines_of_different_length_are_named(tmp_path):
    (tmp_path / "per_utt").write_text("u1 ref A B\nu1 hyp A\nu1 op C C\nu1 #csid 2 0 0 0\n")
    with pytest.raises(InputError, match="the lines of u1 differ in length"):
        read_alignments(tmp_path / "per_utt")
