"""Files of a corpus: their sets and their lines."""

import gzip
from pathlib import Path

import pytest

from moeasr.corpus.forms.source_files import (
    first_line,
    group_by_set,
    json_objects,
    locate,
    numbered_lines,
    only_directory,
    seconds,
    set_of,
    string,
)
from moeasr.errors import InputError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train_clean_100.json", "train"),
        ("train_nodev", "train"),
        ("train_dev", "dev"),
        ("test_dev93", "dev"),
        ("LibriSpeech_supervisions_dev-clean.jsonl.gz", "dev"),
        ("validation", "dev"),
        ("Test2.tsv", "test"),
        ("eval92", "test"),
        ("validated.tsv", None),
        ("latest", None),
    ],
)
def test_a_word_of_a_name_is_the_set(name, expected):
    assert set_of(name) == expected


def test_files_are_grouped_by_the_last_part_with_a_set(caplog):
    root = Path("/data/test")  # what is above the corpus does not count
    names = ("train/a.json", "b_train.json", "train/dev.json", "c.json")
    groups = group_by_set(root, [root / name for name in names])
    assert groups == {
        "train": [root / "b_train.json", root / "train/a.json"],
        "dev": [root / "train/dev.json"],
    }
    assert "c.json is left out, because its name contains no set" in caplog.text
    assert group_by_set(root, [root / "c.json"]) == {"all": [root / "c.json"]}


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_byte_order_mark_windows_line_ends_and_blank_lines_are_removed(tmp_path, name):
    content = "\ufeffgo\r\n\n  \nzoë\r\n".encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert list(numbered_lines(path)) == [(f"{path}, line 1", "go"), (f"{path}, line 4", "zoë")]
    assert first_line(path) == "go"


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"go" * 100)[:-10])
    with pytest.raises(InputError, match="a.gz cannot be uncompressed"):
        list(numbered_lines(path))
    path.write_bytes(b"go")
    with pytest.raises(InputError, match="a.gz cannot be uncompressed: Not a gzipped file"):
        list(numbered_lines(path))
    assert first_line(path) == first_line(tmp_path / "none") == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"a": 1', "line 2: is not valid JSON"), ("[1]", "line 2: must be a JSON object")],
)
def test_lines_that_are_no_objects_are_named(tmp_path, line, message):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "go"}}\n{line}\n')
    with pytest.raises(InputError, match=message):
        list(json_objects(path))


def test_audio_is_relative_to_the_first_directory_that_has_it(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b/x.wav").touch()
    places = tmp_path / "a", tmp_path / "b"
    assert locate("x.wav", *places) == tmp_path / "b/x.wav"
    assert locate("y.wav", *places) == tmp_path / "a/y.wav"
    assert locate(str(tmp_path / "b/x.wav"), *places) == tmp_path / "b/x.wav"
    assert locate("~y.wav", *places) == tmp_path / "a/~y.wav"  # no user of this name
    assert locate("~/y.wav", *places) == Path.home() / "y.wav"


def test_audio_may_be_named_as_in_windows_or_without_its_ending(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("x.flac", "y.2.wav", "back\\slash.wav"):
        (tmp_path / "a" / name).touch()
    assert locate("a\\x.flac", tmp_path) == tmp_path / "a/x.flac"
    assert locate("a/y.2", tmp_path) == tmp_path / "a/y.2.wav"
    assert locate("a\\y.2", tmp_path) == tmp_path / "a/y.2.wav"
    assert locate("a/back\\slash.wav", tmp_path) == tmp_path / "a/back\\slash.wav"
    assert locate("a\\z.wav", tmp_path) == tmp_path / "a\\z.wav"
    assert locate("/", tmp_path) == Path("/") and locate(".", tmp_path) == tmp_path


def test_only_directory_ignores_hidden_files(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / ".DS_Store").touch()
    assert only_directory(tmp_path) == tmp_path / "inner"
    (tmp_path / "README").touch()
    assert only_directory(tmp_path) is None


def test_values_of_json_objects():
    record = {"a": 1, "b": "x", "c": None, "d": True, "e": ["x"]}
    assert seconds(record, "a", "f") == 1.0 and seconds(record, "c", "f") is None
    assert string(record, ("c", "d", "e", "b")) == "x"
    assert string(record, ("a",)) == "1" and string(record, ("c", "z")) is None
    assert string({"text": ""}, ("text",)) == ""
    assert string({"speaker": 7.0}, ("speaker",)) == "7"
    assert string({"speaker": float("nan")}, ("speaker",)) is None


@pytest.mark.parametrize("value", ["1", -1, float("nan"), True, [1]])
def test_times_must_be_numbers(value):
    with pytest.raises(InputError, match="m.json, line 3: `offset` must be a number of seconds"):
        seconds({"offset": value}, "offset", "m.json, line 3")
