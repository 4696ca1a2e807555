"""The utterances on which an export is checked."""

import shutil

import numpy as np
import pytest

from moeasr.errors import InputError
from moeasr.export.dev_set import read_dev_set


def test_features_transcripts_and_one_recording_are_read(recognizer, dev_dir):
    dev_set = read_dev_set(dev_dir, recognizer, max_utts=10)
    assert dev_set.name == "dev"
    assert [(utt, feats.shape) for utt, feats in dev_set.feats] == [
        ("u1", (60, 80)),
        ("u2", (130, 80)),
        ("u3", (5, 80)),
    ]
    assert dev_set.references == {"u1": "", "u2": "ab cd", "u3": "a"}
    assert dev_set.audio_sec == pytest.approx(1.95)
    assert {utt: len(samples) for utt, samples in dev_set.waveforms()} == {
        "u1": 9600,
        "u2": 20800,
        "u3": 800,
    }
    text, samples = dev_set.example()  # the first with words
    assert (text, samples.shape, samples.dtype) == ("ab cd", (20800,), np.float32)


def test_the_first_utterances_are_taken(recognizer, dev_dir):
    assert list(read_dev_set(dev_dir, recognizer, max_utts=2).references) == ["u1", "u2"]


def test_a_missing_transcript_is_named(recognizer, dev_dir, tmp_path):
    data = shutil.copytree(dev_dir, tmp_path / "dev")
    (data / "text").write_text("u1 a\nu3 a\n")
    with pytest.raises(InputError, match="text has no line for utterance u2; .*fix_data_dir.sh"):
        read_dev_set(data, recognizer, max_utts=10)
