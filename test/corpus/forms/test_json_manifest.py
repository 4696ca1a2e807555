"""JSON lines of NeMo and Hugging Face."""

import pytest
from corpus_forms import json_manifest, write_json
from made_up import write_lines

from moeasr.corpus.forms.json_manifest import JsonManifestForm
from moeasr.errors import InputError


def test_keys_of_both_and_segments(tmp_path):
    root = json_manifest(tmp_path)
    sets = JsonManifestForm().read(root)
    assert {name: len(items) for name, items in sets.items()} == {"train": 7, "dev": 1, "test": 1}
    first, second = sets["train"][:2]
    assert (first.name, first.speaker, first.text) == ("audio-a b-long 0", "s0", "go home")
    assert (first.start_sec, first.end_sec) == (0.0, 1.0)
    assert second.name == "audio-a b-long 0-00001250" and second.recording == first.recording
    assert (second.start_sec, second.end_sec) == (1.25, 2.5)
    assert second.where == f"{root / 'train_manifest.json'}, line 2"
    assert sets["train"][6].audio == root / "audio/x.flac"
    (dev,), (test,) = sets["dev"], sets["test"]
    assert (dev.audio, dev.text) == (root / "validation/y.ogg", "go")
    assert (test.audio, test.text) == (root / "audio/z.wav", "go")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "go"}, "line 2: has none of the keys audio_filepath, audio"),
        ({"audio_filepath": "a.wav"}, "line 2: has none of the keys text, sentence"),
        ({"audio_filepath": "a.wav", "text": None}, "line 2: has none of the keys text, sentence"),
        ({"file": "a.wav", "text": "a", "duration": "1"}, "line 2: `duration` must be a number"),
        ({"file": "a.wav", "text": "a", "offset": -1}, "line 2: `offset` must be a number"),
    ],
)
def test_faults_are_named(tmp_path, row, message):
    write_json(tmp_path / "train.json", [{"file": "b.wav", "text": "go"}, row])
    with pytest.raises(InputError, match=f"train.json, {message}"):
        JsonManifestForm().read(tmp_path)


def test_other_json_files_are_not_read(tmp_path):
    write_lines(tmp_path / "config.json", ["{", '"audio": 1}'])
    write_json(tmp_path / "stats.jsonl", [{"text": "go"}])
    assert JsonManifestForm().find(tmp_path) is None
    with pytest.raises(InputError, match="contains no JSON lines file"):
        JsonManifestForm().read(tmp_path)
