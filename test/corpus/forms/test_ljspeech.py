"""`metadata.csv` and `wavs/`."""

import pytest
from corpus_forms import ljspeech, write_clip
from made_up import write_lines

from moeasr.corpus.forms.ljspeech import LJSpeechForm
from moeasr.errors import InputError


def test_the_normalized_text_is_taken_if_there_is_one(tmp_path):
    root = ljspeech(tmp_path)
    (items,) = LJSpeechForm().read(root).values()
    assert len(items) == 12
    first, last = items[0], items[-1]
    assert (first.name, first.text, first.speaker) == ("LJ001-0001", "the first, one", None)
    assert first.audio == root / "wavs/LJ001-0001.wav"
    assert first.where == f"{root / 'metadata.csv'}, line 1"
    assert last.text == "Home"


def test_sets_may_have_files_and_names_may_have_suffixes(tmp_path):
    write_clip(tmp_path / "wavs/a.flac")
    write_clip(tmp_path / "audio/b.wav")
    write_lines(tmp_path / "metadata_train.csv", ["a|Go"])
    write_lines(tmp_path / "metadata_val.csv", ["audio/b.wav|Home"])
    sets = LJSpeechForm().read(tmp_path)
    (train,), (dev,) = sets["train"], sets["dev"]
    assert (train.text, train.audio) == ("Go", tmp_path / "wavs/a.flac")
    assert (dev.name, dev.audio) == ("audio-b", tmp_path / "audio/b.wav")


def test_names_with_dots_and_directories_stay_apart(tmp_path):
    names = ["rec.0", "rec.1", "p1/001", "p2/001.wav", f"{tmp_path}/other/c.wav"]
    for name in names:
        write_clip(tmp_path / "wavs" / (name if name.endswith(".wav") else f"{name}.wav"))
    write_lines(tmp_path / "metadata.csv", [f"{name}|Go" for name in names])
    (items,) = LJSpeechForm().read(tmp_path).values()
    assert [item.name for item in items] == ["rec.0", "rec.1", "p1-001", "p2-001", "other-c"]
    assert all(item.audio.is_file() for item in items)


@pytest.mark.parametrize("line", ["LJ1", "|text", "a|b|c|d"])
def test_a_line_of_another_form_is_named(tmp_path, line):
    write_lines(tmp_path / "metadata.csv", ["a|Go", line])
    with pytest.raises(InputError, match="metadata.csv, line 2: must be `name|text`"):
        LJSpeechForm().read(tmp_path)


def test_other_files_are_not_taken_for_it(tmp_path):
    assert LJSpeechForm().find(tmp_path) is None
    write_lines(tmp_path / "metadata.csv", ["file_name,transcription"])
    assert LJSpeechForm().find(tmp_path) is None
    (tmp_path / "metadata.csv").unlink()
    with pytest.raises(InputError, match="contains no metadata.csv"):
        LJSpeechForm().read(tmp_path)
