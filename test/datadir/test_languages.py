"""Language indices of utterances."""

import numpy as np
import pytest

from moeasr.datadir.languages import language_ids
from moeasr.errors import InputError

UTTS = np.array([b"b", b"a"])
KNOWN = r"\(the model knows en, zh\)"


def test_languages_are_numbered_as_the_model_does(tmp_path):
    (tmp_path / "utt2lang").write_text("a en\nb zh\nc ja\n")
    assert language_ids(tmp_path, UTTS, ("en", "zh")).tolist() == [1, 0]
    assert language_ids(tmp_path, UTTS, ("zh", "en")).tolist() == [0, 1]


def test_a_model_without_languages_needs_no_table(tmp_path):
    assert language_ids(tmp_path, UTTS, ()) is None


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
def test_unknown_and_missing_languages_are_named(tmp_path, table, fault):
    with pytest.raises(InputError, match=f"utt2lang does not exist, but .* {KNOWN}"):
        language_ids(tmp_path, UTTS, ("en", "zh"))
    (tmp_path / "utt2lang").write_text(table)
    with pytest.raises(InputError, match=fault):
        language_ids(tmp_path, UTTS, ("en", "zh"))
