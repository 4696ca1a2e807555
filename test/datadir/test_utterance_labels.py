"""Label indices of utterances."""

import numpy as np
import pytest

from moeasr.datadir.utterance_labels import check_repeated, label_ids, language_groups
from moeasr.errors import InputError
from moeasr.labels import NO_LABELS, Labels

UTTS = np.array([b"b", b"a"])
LANGUAGES = Labels(("en", "zh"))
KNOWN = r"\(the model knows en, zh\)"


def test_labels_are_numbered_as_the_model_does(tmp_path):
    (tmp_path / "utt2lang").write_text("a en\nb zh\nc ja\n")
    (tmp_path / "utt2accent").write_text("a north\nb south\n")
    assert label_ids(tmp_path, UTTS, LANGUAGES).tolist() == [1, 0]
    assert label_ids(tmp_path, UTTS, Labels(("zh", "en"))).tolist() == [0, 1]
    assert label_ids(tmp_path, UTTS, Labels(("south", "north"), "accent")).tolist() == [0, 1]


def test_a_model_without_labels_needs_no_table(tmp_path):
    assert label_ids(tmp_path, UTTS, NO_LABELS) is None
    (tmp_path / "utt2lang").write_text("not for this model\n")
    assert label_ids(tmp_path, UTTS, NO_LABELS) is None


def test_labels_that_are_not_required_may_be_unknown(tmp_path):
    optional = LANGUAGES._replace(is_required=False)
    assert label_ids(tmp_path, UTTS, optional) is None
    (tmp_path / "utt2lang").write_text("a en\n")
    assert label_ids(tmp_path, UTTS, optional).tolist() == [-1, 0]
    (tmp_path / "utt2lang").write_text("a en\nb ja\n")
    assert label_ids(tmp_path, UTTS, optional).tolist() == [-1, 0]


def test_groups_have_one_language_and_one_label(tmp_path):
    utts = np.array([b"a", b"b", b"c", b"d"])
    accents = np.array([0, 0, 1, 0])
    assert language_groups(tmp_path, utts) is None
    assert language_groups(tmp_path, utts, accents) is accents
    (tmp_path / "utt2lang").write_text("a en\nb zh\nc zh\nd en\n")
    for labels, same in ((None, ["ad", "bc"]), (accents, ["ad", "b", "c"])):
        found = language_groups(tmp_path, utts, labels)
        groups = {}
        for utt, group in zip("abcd", found.tolist()):
            groups[group] = groups.get(group, "") + utt
        assert sorted(groups.values()) == same


@pytest.mark.parametrize("names", [(), ("en", "ja")])
def test_a_dropped_label_is_refused_by_its_name(tmp_path, names):
    pruned = Labels(names, is_required=False, dropped=("zh",))
    (tmp_path / "utt2lang").write_text("a en\nb zh\n")
    with pytest.raises(InputError, match="utterance b has the language 'zh', .* were pruned"):
        label_ids(tmp_path, UTTS, pruned)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (
            "a en\n",
            f"utt2lang names no language for utterance b; its line must be `b LANGUAGE` {KNOWN}",
        ),
        (
            "a en\nb\n",
            f"utt2lang names no language for utterance b; its line must be `b LANGUAGE` {KNOWN}",
        ),
        ("a en\nb ja\n", f"utt2lang: language 'ja' of utterance b is unknown to the model {KNOWN}"),
    ],
)
def test_unknown_and_missing_labels_are_named(tmp_path, table, fault):
    with pytest.raises(InputError, match=f"utt2lang does not exist, but .* {KNOWN}"):
        label_ids(tmp_path, UTTS, LANGUAGES)
    (tmp_path / "utt2lang").write_text(table)
    with pytest.raises(InputError, match=fault):
        label_ids(tmp_path, UTTS, LANGUAGES)


@pytest.mark.parametrize(
    ("ids", "fault"),
    [([0, 0, 1], "only one utterance"), ([0, 0], "no utterance")],
)
def test_a_label_that_cannot_be_learned_is_refused(tmp_path, ids, fault):
    with pytest.raises(InputError, match=f"utt2lang: {fault} .* language 'zh'"):
        check_repeated(tmp_path, np.array(ids), LANGUAGES)
    check_repeated(tmp_path, np.array([0, 1, 1, 0]), LANGUAGES)
