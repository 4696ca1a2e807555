"""Lengths of audio are exact, and measured without decoding."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from moeasr.audio.duration import AudioLength, LengthReader, measure_audio
from moeasr.audio.recording import RecordingReader
from moeasr.datadir.utterances import open_utterances
from moeasr.errors import InputError


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """Two channels of 8001 samples at 8 kHz."""
    path = tmp_path / "two channels.flac"
    soundfile.write(path, np.linspace(-0.9, 0.9, 16002).reshape(8001, 2), 8000)
    return path


@pytest.mark.parametrize(
    "entry",
    [
        "{}",
        "flac -c -d -s '{}' |",
        "sph2pipe -f wav -p -c 2 '{}' |",
        "sox '{}' -r 16000 -t wav - |",
        "sox -t flac '{}' -t wav - speed 1.1 |",
        "sox -t flac '{}' -t wav - speed 0.3333 |",  # a third, to within a thousandth
        "sox -t flac '{}' -t wav - speed 0.9 | sox -t wav - -r 11025 -t wav - |",
        "cat '{}' |",
    ],
)
def test_it_is_as_long_as_what_is_read(audio: Path, entry: str) -> None:
    entry = entry.format(audio)
    waveform, rate_hz = RecordingReader().read(entry)
    assert measure_audio(entry)[:2] == (rate_hz, waveform.numel())


@pytest.mark.parametrize(
    "entry", ["{}/gone.wav", "cat {}/gone.wav |", "flac -c -d -s {}/gone.wav |"]
)
def test_what_is_missing_is_named(tmp_path: Path, entry: str) -> None:
    with pytest.raises(InputError, match="gone.wav"):
        measure_audio(entry.format(tmp_path))


def test_a_file_cut_short_is_named(audio: Path) -> None:
    audio.write_bytes(audio.read_bytes()[:-40])
    for entry in (f"{audio}", f"flac -c -d -s '{audio}' |"):
        with pytest.raises(InputError, match="two channels.flac"):
            measure_audio(entry)


def test_a_channel_that_a_file_has_not_is_named(audio: Path) -> None:
    """Reading the audio would fail, too. If only its length counted, training would read it."""
    with pytest.raises(InputError, match="two channels.flac has no channel 3, only 2"):
        measure_audio(f"sph2pipe -f wav -p -c 3 '{audio}' |")


def test_some_lengths_at_a_time_are_the_lengths_of_all(tmp_path: Path) -> None:
    sizes = [800, 1600, 2400, 3200, 4000]
    for number, size in enumerate(sizes):
        soundfile.write(tmp_path / f"{number}.wav", np.zeros(size), 8000)
    table = tmp_path / "wav.scp"
    table.write_text("".join(f"u{number} {tmp_path}/{number}.wav\n" for number in range(5)))
    reader = LengthReader(open_utterances(table), num_at_once=2)
    parts = [reader.read(number) for number in range(len(reader))]
    assert parts == [
        [AudioLength(f"u{number}", sizes[number], 8000) for number in numbers]
        for numbers in ((0, 1), (2, 3), (4,))
    ]
