"""Hugging Face's AudioFolder."""

import pytest
from corpus_forms import audio_folder, write_json
from made_up import write_lines

from moeasr.corpus.forms.audio_folder import AudioFolderForm
from moeasr.errors import InputError


def test_columns_of_the_metadata_of_each_set(tmp_path):
    root = audio_folder(tmp_path)
    assert AudioFolderForm().find(root) == "data/train/metadata.csv with the column file_name"
    sets = AudioFolderForm().read(root)
    assert {name: len(items) for name, items in sets.items()} == {"train": 6, "dev": 2}
    item = sets["train"][1]
    assert (item.name, item.text) == ("s 1-1", 'Go, "home"')
    assert (item.speaker, item.language) == ("s 1", "en US")
    assert item.audio == root / "data/train/s 1/1.flac"
    assert item.where == f"{root / 'data/train/metadata.csv'}, line 3"


@pytest.mark.parametrize("text", ["text", "sentence", "transcription"])
def test_one_file_may_describe_all_sets(tmp_path, text):
    rows = ["train/a.wav,Go", "test/b.wav,Home", "dev/c.wav,Bed"]
    write_lines(tmp_path / "metadata.csv", [f"file_name,{text}", *rows])
    sets = AudioFolderForm().read(tmp_path)
    assert {name: [item.text for item in items] for name, items in sets.items()} == {
        "train": ["Go"],
        "test": ["Home"],
        "dev": ["Bed"],
    }
    assert sets["dev"][0].audio == tmp_path / "dev/c.wav"
    assert sets["dev"][0].name == "dev-c"


def test_a_speaker_may_have_the_name_of_a_set(tmp_path):
    write_lines(tmp_path / "metadata.csv", ["file_name,text", "val/a.wav,Go", "ann/a.wav,Go"])
    (items,) = AudioFolderForm().read(tmp_path).values()
    assert len(items) == 2


def test_metadata_may_be_json_lines(tmp_path):
    for name in ("train", "test"):
        row = {"file_name": "a.mp3", "transcription": "Go", "language": "cy"}
        write_json(tmp_path / name / "metadata.jsonl", [row])
    sets = AudioFolderForm().read(tmp_path)
    assert [(item.text, item.language) for item in sets["test"]] == [("Go", "cy")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file_name,text", "a.wav,Go,x"], "csv, line 2: has 3 columns, but the first line 2"),
        (["file_name,text", ",Go"], "csv, line 2: `file_name` is empty or missing"),
        (["file_name,words", "a.wav,Go"], "csv, line 2: has none of the columns text, sentence"),
        (["file_name,text", 'a.wav,"Go'], "csv, line 2: is not valid CSV"),
        (
            ["file_name,text", "train/a.wav,Go", "b.wav,Go"],
            "csv, line 3: the directories in `file_name` name no set",
        ),
    ],
)
def test_faults_are_named(tmp_path, lines, message):
    write_lines(tmp_path / "metadata.csv", lines)
    with pytest.raises(InputError, match=message):
        AudioFolderForm().read(tmp_path)


def test_other_files_are_not_taken_for_it(tmp_path):
    write_lines(tmp_path / "metadata.csv", ["LJ1|Go|go"])
    write_lines(tmp_path / "train/metadata.jsonl", ['{"audio": 1}'])
    assert AudioFolderForm().find(tmp_path) is None
    with pytest.raises(InputError, match="contains no metadata.csv or metadata.jsonl with the"):
        AudioFolderForm().read(tmp_path)
