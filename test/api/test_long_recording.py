"""Recordings of any length: short ones as a whole, long ones in pieces between pauses."""

import sys

import numpy as np
import pytest
import torch

from moeasr.api import long_recording
from moeasr.api.checkpoint_engine import CheckpointEngine, open_recognizer
from moeasr.api.engine import Task
from moeasr.api.long_recording import RecordingTranscriber, Segment, TranscribedRecording
from moeasr.api.transcription import Transcription, Word
from moeasr.audio.pauses import PauseRules
from moeasr.decode.config import DecodeConfig
from moeasr.errors import InputError

TASK = Task(mode="ctc_greedy_search", config=DecodeConfig(), given=(), language=None)


class LoudDetector:
    """Finds speech in frames of 10 ms that are not silent."""

    frame_sec = 0.01

    def __init__(self):
        self.samples = np.zeros(0, np.float32)

    def accept(self, samples):
        self.samples = np.concatenate([self.samples, samples])
        count = len(self.samples) // 160
        frames, self.samples = np.split(self.samples, [160 * count])
        return frames.reshape(-1, 160).any(axis=1).tolist()

    def finish(self):
        return []


@pytest.fixture
def engine(exp_dir):
    return CheckpointEngine(open_recognizer(exp_dir))


@pytest.fixture
def long_sound(sound):
    """Four noises of half a second with pauses of a second between them, in blocks."""
    noise = (sound(16000)[:, 0] / 2**15).astype(np.float32)
    pause = np.zeros(16000, np.float32)
    return [part for _ in range(4) for part in (noise, pause)]


def test_short_recordings_are_those_of_the_transcriber(engine, long_sound):
    blocks = long_sound[:4]
    found = RecordingTranscriber(engine, TASK).run(blocks, 16000)
    waveform = torch.from_numpy(np.concatenate(blocks))
    (expected,) = engine.transcriber(TASK).run([waveform])
    assert found == TranscribedRecording(3.0, (Segment(0.0, 3.0, expected),), is_whole=True)
    assert found.text == expected.text != ""


@pytest.mark.parametrize("rate_hz", [16000, 8000])
def test_long_recordings_are_pieces_with_times_of_the_whole(
    engine, long_sound, monkeypatch, rate_hz
):
    monkeypatch.setattr(engine, "speech_detector", lambda language: LoudDetector())
    blocks = [block[:: 16000 // rate_hz] for block in long_sound]
    found = RecordingTranscriber(engine, TASK, max_whole_sec=4.0).run(iter(blocks), rate_hz)
    assert (found.duration, found.is_whole, len(found.segments)) == (6.0, False, 4)
    # the filter of the resampler makes sounds a little longer, by less than their distance
    tolerance_sec = 1e-9 if rate_hz == 16000 else 0.2
    for number, segment in enumerate(found.segments):
        assert segment.start == pytest.approx(max(1.5 * number - 0.3, 0), abs=tolerance_sec)
        assert segment.end == pytest.approx(1.5 * number + 0.8, abs=tolerance_sec)
    if rate_hz == 16000:
        whole = np.concatenate(long_sound)
        piece = whole[round(1.2 * 16000) : round(2.3 * 16000)]
        (expected,) = engine.transcriber(TASK).run([torch.from_numpy(piece)])
        assert found.segments[1].result.text == expected.text != ""
        starts = [word.start for word in found.segments[1].result.words]
        assert starts == pytest.approx([word.start + 1.2 for word in expected.words])
    starts = [word.start for word in found.words]
    assert starts == sorted(starts) and len(starts) >= 4
    assert found.text.split() == [word.text for word in found.words]


def test_the_model_itself_finds_pauses_and_silence_has_no_segments(engine, long_sound, monkeypatch):
    model = RecordingTranscriber(engine, TASK, max_whole_sec=4.0)
    assert model.run(long_sound, 16000).segments
    detector = LoudDetector()
    monkeypatch.setattr(engine, "speech_detector", lambda language: detector)
    silence = model.run([np.zeros(160000, np.float32)], 16000)
    assert (silence.text, silence.segments, silence.duration) == ("", (), 10.0)


def test_memory_does_not_grow_with_the_recording(engine, monkeypatch):
    """The first piece is recognised before the rest of the recording is read."""
    monkeypatch.setattr(engine, "speech_detector", lambda language: LoudDetector())
    monkeypatch.setattr(long_recording, "PIECES", PauseRules(max_piece_sec=1.0))
    model = RecordingTranscriber(engine, TASK)
    log = []

    class Logging:
        def run(self, waveforms):
            log.append(len(waveforms[0]) / 16000)
            return [Transcription("A")]

    model.transcriber = Logging()

    def blocks():
        for _ in range(60):
            log.append("read")
            yield np.ones(16000, np.float32)

    assert model.run(blocks(), 16000).text == " ".join("A" * 60)
    assert log[:34] == ["read"] * 31 + [1.0] * 3
    assert log.count(1.0) == 60


def test_models_that_cannot_stream_need_silero_vad(engine, long_sound, monkeypatch):
    def refuse(language):
        raise InputError("this model cannot decode in chunks")

    monkeypatch.setattr(engine, "speech_detector", refuse)
    monkeypatch.setattr(long_recording, "SileroDetector", lambda rate_hz: LoudDetector())
    model = RecordingTranscriber(engine, TASK, max_whole_sec=4.0)
    assert len(model.run(long_sound, 16000).segments) == 4
    monkeypatch.undo()
    monkeypatch.setattr(engine, "speech_detector", refuse)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    model = RecordingTranscriber(engine, TASK, max_whole_sec=4.0)
    assert model.run(long_sound[:2], 16000).is_whole
    message = r"^a\.wav is longer than 4 s .* this model cannot decode in chunks, .*\.\[vad\]"
    with pytest.raises(InputError, match=message):
        model.run(long_sound, 16000, "a.wav")
    with pytest.raises(InputError, match=r"^the detection of pauses by silero-vad needs"):
        RecordingTranscriber(engine, TASK, use_vad=True)


def test_vad_cuts_short_recordings_too(engine, long_sound, monkeypatch):
    monkeypatch.setattr(long_recording, "SileroDetector", lambda rate_hz: LoudDetector())
    model = RecordingTranscriber(engine, TASK, use_vad=True)
    assert [s.start for s in model.run(long_sound[:3], 16000).segments] == pytest.approx([0, 1.2])
    assert model.run([np.zeros(1600, np.float32)], 16000).segments == ()


def test_texts_are_joined_as_their_scripts_require():
    def recording(*texts):
        segments = (Segment(0.0, 1.0, Transcription(text)) for text in texts)
        return TranscribedRecording(9.0, tuple(segments), is_whole=False)

    assert recording("A B", "", "C").text == "A B C"
    assert recording("打开", "网站", "GO").text == "打开网站GO"
    assert recording().text == ""
    words = Transcription("A", (Word("A", 1.0, 2.0, 0.5),))
    assert TranscribedRecording(9.0, (Segment(0.0, 3.0, words),), True).words == [*words.words]
