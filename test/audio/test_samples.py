"""Samples of an open file: ranges, blocks, lengths and faults."""

import io

import numpy as np
import pytest
import soundfile

from moeasr.audio.probe import AudioInfo
from moeasr.audio.samples import measure_stream, read_blocks, require_channel, sample_range
from moeasr.errors import InputError


def audio_file(samples: np.ndarray, subtype: str = "PCM_16", rate_hz: int = 8000) -> io.BytesIO:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate_hz, format="WAV", subtype=subtype)
    stream.seek(0)
    return stream


@pytest.mark.parametrize(
    ("start_sec", "end_sec", "expected"),
    [
        (None, None, (0, 8000)),
        (0.25, None, (2000, 8000)),
        (None, 0.25, (0, 2000)),
        (0.25, -1.0, (2000, 8000)),  # Kaldi's sign for the end
        (0.25, 1.3, (2000, 8000)),  # a little too far
        (0.00006, 0.0002, (0, 2)),  # rounded to the next sample
    ],
)
def test_ranges_of_segments(start_sec, end_sec, expected):
    assert sample_range(8000, 8000, start_sec, end_sec, "a.wav") == expected


@pytest.mark.parametrize(
    ("num_samples", "start_sec", "end_sec", "message"),
    [
        (0, None, None, "a.wav contains no samples"),
        (8000, 0.5, 2.5, "the segment ends at 2.5 s, but a.wav is only 1.00 s long"),
        (
            8000,
            1.5,
            None,
            "there is no audio between 1.5 s and the end of a.wav, which is 1.00 s long",
        ),
        (
            8000,
            0.5,
            0.25,
            "there is no audio between 0.5 s and 0.25 s of a.wav, which is 1.00 s long",
        ),
        (
            8000,
            -0.1,
            0.25,
            "there is no audio between -0.1 s and 0.25 s of a.wav, which is 1.00 s long",
        ),
    ],
)
def test_a_segment_outside_the_recording_is_refused(num_samples, start_sec, end_sec, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        sample_range(num_samples, 8000, start_sec, end_sec, "a.wav")


def test_blocks_begin_and_end_at_the_requested_samples(monkeypatch):
    monkeypatch.setattr("moeasr.audio.samples.BLOCK_SAMPLES", 4)
    with soundfile.SoundFile(audio_file(np.arange(20, dtype=np.int16))) as audio:
        audio.seek(3)
        blocks = list(read_blocks(audio, 3, 13, "a.wav"))
    found = [(32768 * block[:, 0]).astype(int).tolist() for block in blocks]
    assert found == [[3, 4, 5, 6], [7, 8, 9, 10], [11, 12]]


def test_a_value_that_is_no_audio_is_named_by_its_place():
    samples = np.zeros(20, np.float32)
    samples[13] = np.inf
    with soundfile.SoundFile(audio_file(samples, "FLOAT")) as audio:
        audio.seek(10)
        with pytest.raises(InputError, match="a.wav contains NaN, .*: sample 13 is inf"):
            list(read_blocks(audio, 10, 20, "a.wav"))


def test_a_stream_is_measured_from_its_beginning():
    stream = audio_file(np.zeros((500, 2), np.int16))
    stream.seek(77)
    assert measure_stream(stream, "a.wav", channel=2) == AudioInfo(8000, 500, False)
    with pytest.raises(InputError, match="^a.wav has no channel 3, only 2$"):
        measure_stream(stream, "a.wav", channel=3)
    with pytest.raises(InputError, match="^a.wav contains no samples$"):
        measure_stream(audio_file(np.zeros(0, np.int16)), "a.wav")


def test_channels_count_from_1():
    require_channel(2, "a.wav", 2)
    require_channel(1, "a.wav", None)
    with pytest.raises(InputError, match="^a.wav has no channel 2, only 1$"):
        require_channel(1, "a.wav", 2)
