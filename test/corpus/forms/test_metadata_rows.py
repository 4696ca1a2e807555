"""Utterances from rows of metadata."""

from pathlib import Path

import pytest

from moeasr.corpus.forms.metadata_rows import read_metadata
from moeasr.errors import InputError

KEYS = ("file", "path")


def reader(*rows):
    """Return a reader that gives the same rows for every file."""
    return lambda path: [(f"{path.name}, line {n}", row) for n, row in enumerate(rows, start=2)]


def test_the_first_column_that_is_present_names_the_audio():
    rows = reader({"path": "a/x.wav", "text": "Go"}, {"file": "a/y.v2", "path": "z", "text": "No"})
    sets = read_metadata(Path("/c"), [Path("/c/list.csv")], rows, KEYS)
    (items,) = sets.values()
    assert [item.name for item in items] == ["a-x", "a-y.v2"]  # only endings of audio are cut
    assert [item.audio for item in items] == [Path("/c/a/x.wav"), Path("/c/a/y.v2")]
    assert [item.where for item in items] == ["list.csv, line 2", "list.csv, line 3"]


def test_files_or_directories_tell_the_sets():
    paths = [Path("/c/train.csv"), Path("/c/dev.csv")]
    sets = read_metadata(Path("/c"), paths, reader({"file": "test/a.wav", "text": "Go"}), KEYS)
    assert sets.keys() == {"train", "dev"}
    rows = reader({"file": "train/a.wav", "text": "Go"}, {"file": "dev/a.wav", "text": "Go"})
    assert read_metadata(Path("/c"), [Path("/c/list.csv")], rows, KEYS).keys() == {"train", "dev"}


@pytest.mark.parametrize(
    ("first", "row", "message"),
    [
        ("a.wav", {"path": "", "text": "Go"}, "csv, line 3: `path` is empty or missing"),
        ("a.wav", {"text": "Go"}, "csv, line 3: `file` is empty or missing"),
        ("a.wav", {"path": "b.wav"}, "csv, line 3: has none of the columns text, sentence"),
        (
            "train/a.wav",
            {"path": "b.wav", "text": "Go"},
            "csv, line 3: the directories in `path` name no set",
        ),
    ],
)
def test_faults_are_named(first, row, message):
    rows = reader({"file": first, "text": "Go"}, row)
    with pytest.raises(InputError, match=message):
        read_metadata(Path("/c"), [Path("/c/list.csv")], rows, KEYS)
