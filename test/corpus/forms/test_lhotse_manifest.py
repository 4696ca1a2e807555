"""Manifests of recordings and supervisions."""

import json

import pytest
from corpus_forms import lhotse, write_json

from moeasr.corpus.forms.lhotse_manifest import LhotseForm
from moeasr.errors import InputError

SOURCE = {"type": "file", "channels": [0], "source": "a.wav"}
RECORDING = {"id": "r", "sources": [SOURCE]}
SUPERVISION = {"id": "u", "recording_id": "r", "start": 0.5, "duration": 1.0, "text": "go"}


def write(tmp_path, recording=None, supervision=None) -> None:
    write_json(tmp_path / "recordings.jsonl", [RECORDING | (recording or {})])
    write_json(tmp_path / "supervisions.jsonl", [SUPERVISION | (supervision or {})])


def test_pairs_of_compressed_manifests(tmp_path):
    root = lhotse(tmp_path)
    sets = LhotseForm().read(root)
    assert {name: len(items) for name, items in sets.items()} == {"train": 12, "test": 2}
    item = sets["train"][3]
    assert (item.name, item.speaker, item.text) == ("p1-1", "p1", "to bed")
    assert (item.recording, item.start_sec, item.end_sec) == ("rec-1", 1.0, 2.0)
    assert item.audio == root / "audio/rec-1.wav"
    assert item.where == f"{root / 'my_supervisions_train.jsonl.gz'}, line 4"


def test_each_channel_is_a_recording(tmp_path):
    root = lhotse(tmp_path)
    left, right = LhotseForm().read(root)["train"][:2]
    assert (left.recording, right.recording) == ("rec-0-channel0", "rec-0-channel1")
    assert right.audio == f"sox '{root / 'audio/rec-0.wav'}' -t wav - remix 2 |" or (
        right.audio == f"sox {root / 'audio/rec-0.wav'} -t wav - remix 2 |"
    )


def test_commands_and_utterances_without_speaker(tmp_path):
    source = {"type": "command", "channels": [0], "source": "cat a.wav"}
    write(tmp_path, {"sources": [source]})
    (items,) = LhotseForm().read(tmp_path).values()
    assert (items[0].audio, items[0].speaker) == ("cat a.wav |", None)


URL = SOURCE | {"type": "url"}
STEREO = SOURCE | {"channels": [0, 1]}


@pytest.mark.parametrize(
    ("recording", "supervision", "message"),
    [
        ({"id": None}, {}, "recordings.jsonl, line 1: there is no `id`"),
        ({"sources": []}, {}, "line 1: `sources` must be a list of one file or command"),
        ({"sources": [URL]}, {}, "the type file or command, but has 'url'"),
        ({"transforms": [{"name": "Speed"}]}, {}, "line 1: `transforms` are not supported"),
        ({"sources": [STEREO]}, {"channel": 2}, r"line 1: `channel` must be one of \[0, 1\]"),
        ({}, {"recording_id": "x"}, "supervisions.jsonl, line 1: recording x is not in "),
        ({}, {"text": None}, "supervisions.jsonl, line 1: there is no `text`"),
        ({}, {"start": "0"}, "supervisions.jsonl, line 1: `start` must be a number"),
    ],
)
def test_faults_are_named(tmp_path, recording, supervision, message):
    write(tmp_path, recording, supervision)
    with pytest.raises(InputError, match=message):
        LhotseForm().read(tmp_path)


def test_a_manifest_without_its_pair_is_named(tmp_path):
    (tmp_path / "supervisions.jsonl").write_text(json.dumps(SUPERVISION))
    assert LhotseForm().find(tmp_path) == "supervisions.jsonl"
    with pytest.raises(InputError, match="its manifest of recordings, .*recordings.jsonl, does"):
        LhotseForm().read(tmp_path)
