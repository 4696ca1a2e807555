"""Languages of utterances by utt2lang."""

import numpy as np
import pytest

from moeasr.datadir.languages import language_ids
from moeasr.errors import InputError

IDS = np.array([b"b", b"a"])
KNOWN = ("en", "zh")


def test_languages_are_numbers_in_the_models_order(tmp_path):
    (tmp_path / "utt2lang").write_text("a zh\nb en\nc fr\n")
    assert language_ids(tmp_path, IDS, KNOWN).tolist() == [0, 1]


def test_a_model_without_languages_does_not_read_the_table(tmp_path):
    assert language_ids(tmp_path, IDS, ()) is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, r"utt2lang: no such file; a model .* needs it \(the model knows en, zh\)$"),
        ("b en\n", r"utt2lang: utterance a has no language \(the model knows en, zh\)$"),
        ("a\nb en\n", r"utt2lang: utterance a has no language \(the model knows en, zh\)$"),
        ("a fr\nb en\n", "utt2lang: language 'fr' of utterance a is not among the model's"),
    ],
)
def test_what_lacks_is_named(tmp_path, table, message):
    if table is not None:
        (tmp_path / "utt2lang").write_text(table)
    with pytest.raises(InputError, match=message):
        language_ids(tmp_path, IDS, KNOWN)
