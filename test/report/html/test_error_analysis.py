"""The errors of one decoding by word, speaker, length and confidence."""

import json

import pytest

from moeasr.errors import InputError
from moeasr.report.html.error_analysis import (
    analyse_errors,
    by_confidence,
    confusions,
    error_groups,
    length_classes,
    worst_utterances,
)
from moeasr.score.alignment import align

PAIRS = {
    "u1": ("a b c d", "a x c d"),
    "u2": ("a b", "a x"),
    "u3": ("a", "a b"),
    "u4": ("a b c", "a b c"),
    "u5": ("d d", ""),
}
ALIGNMENTS = dict(zip(PAIRS, align(*([p[n].split() for p in PAIRS.values()] for n in (0, 1)))))


def test_the_most_frequent_confusions_come_first():
    assert confusions(ALIGNMENTS) == [
        ("D", "d", "", 2),
        ("S", "b", "x", 2),
        ("I", "", "b", 1),
    ]
    assert confusions(ALIGNMENTS, 1) == [("D", "d", "", 2)]


def test_groups_add_up_to_the_set():
    speakers = {"u1": "ann", "u2": "bob", "u3": "bob", "u4": "ann", "u5": "bob", "u6": "cid"}
    ann, bob = error_groups(ALIGNMENTS, speakers)
    assert (ann.name, ann.num_utts, ann.num_tokens, ann.num_errors) == ("ann", 2, 7, 1)
    assert (bob.name, bob.num_utts, bob.num_tokens, bob.num_errors) == ("bob", 3, 5, 4)
    assert bob.percent == 80.0
    low, high = bob.interval
    assert 0 <= low <= 80.0 <= high


def test_lengths_are_divided_by_quantiles():
    found = length_classes(ALIGNMENTS)
    assert found == {
        "u3": "1",
        "u2": "2",
        "u5": "2",
        "u4": "3 to 4",
        "u1": "3 to 4",
    }
    assert list(found)[0] == "u3"
    assert set(length_classes({"u2": ALIGNMENTS["u2"], "u5": ALIGNMENTS["u5"]}).values()) == {"2"}


def test_words_are_grouped_by_confidence():
    words = [("a", 0.95), ("x", 0.15), ("c", 1.0), ("d", 0.79)]
    entry = {"words": [{"text": text, "confidence": value} for text, value in words]}
    other = {"words": [{"text": "z", "confidence": 0.5}]}  # not the hypothesis that was scored
    groups = by_confidence(ALIGNMENTS, {"u1": [entry], "u2": [other], "u3": [{}], "u4": []})
    found = [(group.name, group.num_tokens, group.num_errors) for group in groups]
    assert found[0] == ("0.0 to 0.2", 1, 1)
    assert found[3:] == [("0.6 to 0.8", 1, 0), ("0.8 to 1.0", 2, 0)]
    assert by_confidence(ALIGNMENTS, {}) == []


def test_the_worst_utterances_have_the_most_errors():
    assert worst_utterances(ALIGNMENTS) == ["u5", "u3", "u2", "u1"]
    assert worst_utterances(ALIGNMENTS, 1) == ["u5"]


def test_a_share_without_words_is_zero():
    (group,) = error_groups(dict.fromkeys(["u"], align([[]], [["a"]])[0]), {"u": "s"})
    assert group.percent == 0.0 and group.interval is None
    assert group.num_errors == pytest.approx(1)


@pytest.mark.parametrize("words", [3, ["a", "b"], [{"text": "a"}, {"text": "b"}]])
def test_words_without_confidence_are_refused(tmp_path, words):
    entry = {"utt_id": "u3", "nbest": [{"words": words}]}
    (tmp_path / "nbest.jsonl").write_text(json.dumps(entry) + "\n")
    with pytest.raises(InputError, match="nbest.jsonl: the words of a hypothesis must have `text`"):
        analyse_errors(ALIGNMENTS, tmp_path, None)


def test_a_decoding_without_details_has_fewer_tables(tmp_path):
    found = analyse_errors(ALIGNMENTS, tmp_path, None)
    assert found.word_confusions and found.by_length and found.worst
    assert (found.character_confusions, found.by_speaker, found.by_confidence) == ([], [], [])
