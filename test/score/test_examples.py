"""Example hypotheses: the choice of utterances, and the marks of errors."""

import pytest

from moeasr.errors import InputError
from moeasr.score.alignment import Step
from moeasr.score.details import per_utt_text
from moeasr.score.error_rate import Pair, word_error_rate
from moeasr.score.examples import (
    NUM_EXAMPLES,
    alignment_lines,
    choose_examples,
    example_lines,
    has_character_words,
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


def test_combining_marks_take_no_column():
    steps = [Step("S", "e\u0301", "\u0e01\u0e49"), Step("C", "a", "a")]
    assert alignment_lines(steps)[2] == "     S"
    assert alignment_lines(steps)[0] == "ref  e\u0301 a"


def with_errors(num_wrong, num_words=10):
    """An alignment of ten words, of which the first ones are substituted."""
    right = num_words - num_wrong
    return [Step("S", "A", "B")] * num_wrong + [Step("C", "A", "A")] * right


def test_examples_are_near_the_median_of_the_utterances_with_errors_and_the_worst():
    """Utterance uN has N errors; twenty have none, so that a median of all would be 0."""
    alignments = {f"r{n}": with_errors(0) for n in range(20)}
    alignments |= {f"u{n}": with_errors(n) for n in range(1, 10)}
    utt_ids, choice = choose_examples(alignments)
    assert utt_ids[0] == "u5" and utt_ids[-1] == "u9" and len(utt_ids) == NUM_EXAMPLES
    assert {"u4", "u6"} < set(utt_ids) and len({"u3", "u7"} & set(utt_ids)) == 1
    assert choice == (
        "4 near the median error rate (50.0 %) of the 9 utterances with errors, the worst one"
    )


@pytest.mark.parametrize(
    ("errors", "utt_ids", "choice"),
    [
        (
            {"u1": 0, "u2": 3, "u3": 1},
            ["u3", "u2", "u1"],
            "1 near the median error rate (20.0 %) of the 2 utterances with errors, the worst one, "
            "1 without errors",
        ),
        ({"u1": 0, "u2": 3}, ["u2", "u1"], "the worst one, 1 without errors"),
        ({"u1": 0}, ["u1"], "1 without errors"),
        ({}, [], ""),
    ],
)
def test_utterances_without_errors_fill_up_the_examples(errors, utt_ids, choice):
    alignments = {utt_id: with_errors(num) for utt_id, num in errors.items()}
    alignments |= {"s1": [], "s2": [Step("I", None, "A")]}  # without speech
    assert choose_examples(alignments) == (utt_ids, choice)


def test_utterances_of_one_error_rate_are_not_taken_in_their_order():
    """The first four utterances would often be of one speaker."""
    alignments = {f"u{n:02}": with_errors(1) for n in range(40)}
    assert set(choose_examples(alignments).utt_ids[:-1]) != {f"u{n:02}" for n in range(1, 5)}


def test_examples_are_separated_by_empty_lines():
    alignments = {"u1": [Step("D", "A", None)], "u2": [Step("C", "A", "A")]}
    lines = ["u2", "ref  A", "hyp  A", "", "u1", "ref  A", "hyp  ***", "     D"]
    assert example_lines(alignments, ["u2", "u1"]) == lines
    assert example_lines(alignments, []) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["go", "on"], False), (["go", "on", "\u4f60"], True), (["\u4f60"], True), ([], False)],
)
def test_characters_that_count_as_words_are_noticed(words, expected):
    assert has_character_words({"u1": [Step("D", word, None) for word in words]}) == expected


def test_lines_of_different_length_are_named(tmp_path):
    (tmp_path / "per_utt").write_text("u1 ref A B\nu1 hyp A\nu1 op C C\nu1 #csid 2 0 0 0\n")
    with pytest.raises(InputError, match="the lines of u1 differ in length"):
        read_alignments(tmp_path / "per_utt")
