"""The audio of utterances for the players of a page."""

import io

import audio_sets
import numpy as np
import pytest
import soundfile

from moeasr.audio.recording import RecordingReader, resample
from moeasr.report.html import audio_clips
from moeasr.report.html.audio_clips import read_clips


@pytest.fixture
def cut(tmp_path):
    return audio_sets.segments(tmp_path / "x")


def test_clips_hold_the_segments(cut, tmp_path):
    clips, reason = read_clips(cut, ["u4", "u1"], 16000)
    assert reason is None and list(clips) == ["u4", "u1"]
    samples, rate_hz = soundfile.read(io.BytesIO(clips["u1"]), dtype="float32")
    wanted, _ = resample(
        *RecordingReader().read(str(tmp_path / "x" / "long.flac"), 0.1, 0.7), 16000
    )
    assert rate_hz == 16000
    np.testing.assert_array_equal(samples, wanted.numpy())  # both have 16 bits
    assert read_clips(cut, ["u4", "u1"], 16000)[0] == clips


def test_missing_audio_is_one_sentence(cut, tmp_path):
    clips, reason = read_clips(cut, ["u1", "u9"], 16000)
    assert list(clips) == ["u1"]
    assert reason == f"A player is missing: utterance u9 is not in {cut}/wav.scp."
    (tmp_path / "x" / "long.flac").unlink()
    clips, reason = read_clips(cut, ["u1"], 16000)
    assert clips == {} and reason.startswith("A player is missing: ") and "long.flac" in reason
    (cut / "wav.scp").unlink()
    clips, reason = read_clips(cut, ["u1"], 16000)
    assert clips == {} and reason == f"There is no player, because {cut} has no wav.scp."


def test_a_page_stays_small(cut, monkeypatch):
    monkeypatch.setattr(audio_clips, "MAX_BYTES", 25000)
    clips, reason = read_clips(cut, ["u1", "u2"], 16000)
    assert list(clips) == ["u1"] and reason == "The audio of u2 is too long for this page."
