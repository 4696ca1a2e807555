"""Recognition of uploaded files."""

import io

import numpy as np
import pytest
import soundfile
from serving import model_of
from sound_files import file_of

from moeasr.api.long_recording import WHOLE_SEC, RecordingTranscriber
from moeasr.errors import InputError
from moeasr.serve.metrics import Metrics
from moeasr.serve.uploaded_audio import UploadedAudio


@pytest.fixture
def model(folder):
    return model_of(folder)


@pytest.fixture
def recognizer(model):
    return UploadedAudio(model.engine, model.whole, 60.0, Metrics())


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize(("rate_hz", "num_channels"), [(16000, 1), (8000, 2), (44100, 1)])
def test_a_short_file_is_recognised_as_a_whole(
    recognizer, model, sound, form, rate_hz, num_channels
):
    content = file_of(np.stack([sound(0.7, rate_hz)] * num_channels, axis=1), rate_hz, form)
    found = recognizer.transcribe(content, "a")
    samples, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    waveform = model.engine.waveform(samples.mean(axis=1), rate_hz)
    (expected,) = model.engine.transcriber(model.whole).run([waveform])
    assert (found.text, repr(found.words)) == (expected.text, repr(list(expected.words)))
    assert found.duration == pytest.approx(0.7, abs=0.1)


def test_a_long_file_is_cut_at_pauses(recognizer, model, sound):
    samples = sound(WHOLE_SEC + 1)
    found = recognizer.transcribe(file_of(samples, subtype="FLOAT"), "a.wav")
    assert found == RecordingTranscriber(model.engine, model.whole).run([samples], 16000)
    assert not found.is_whole and found.text


def test_a_long_file_is_stopped_with_the_server(recognizer, sound):
    recognizer.stop()
    with pytest.raises(InputError, match="the server is stopping"):
        recognizer.transcribe(file_of(sound(0.5)), "a.wav")


def test_odd_audio_gives_a_text_or_none(recognizer):
    for samples in (np.zeros(160), np.zeros(16000), np.zeros(1), np.ones(8000)):
        found = recognizer.transcribe(file_of(samples), "odd.wav")
        assert isinstance(found.text, str)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "a.wav is empty"),
        (b"hello" * 100, "a.wav cannot be decoded: it is damaged or not audio"),
        (file_of(np.zeros(0)), "a.wav contains no samples"),
        (file_of(np.zeros(16000 * 61)), "a.wav lasts 61 s, but the server takes at most 60 s"),
        (file_of(np.zeros(16000))[:-9000], "a.wav is truncated"),
        (file_of(np.full(800, np.nan), subtype="FLOAT"), "a.wav contains NaN"),
    ],
)
def test_what_is_no_audio_is_refused(recognizer, content, sentence):
    with pytest.raises(InputError, match=sentence):
        recognizer.transcribe(content, "a.wav")
