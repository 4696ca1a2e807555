"""Lengths from headers equal the lengths read, or are not given."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from moeasr.audio.header_length import measure_header
from moeasr.audio.recording import RecordingReader


@pytest.mark.parametrize(
    "entry",
    [
        "{}",
        "flac -c -d -s '{}' |",
        "sph2pipe -f wav -p -c 2 '{}' |",
        "sox '{}' -r 16000 -t wav - |",
        "sox -t flac '{}' -t wav - speed 0.9 | sox -t wav - -r 11025 -t wav - |",
    ],
)
def test_a_header_gives_the_length_that_is_read(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "two channels.flac"
    soundfile.write(path, np.linspace(-0.9, 0.9, 16002).reshape(8001, 2), 8000)
    waveform, rate_hz = RecordingReader().read(entry.format(path))
    assert measure_header(entry.format(path)) == (rate_hz, waveform.numel(), False)
    assert RecordingReader().measure(f" {entry.format(path)} ") == (
        rate_hz,
        waveform.numel(),
        False,
    )


def test_lengths_without_a_header_are_left_to_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(800), 8000)
    entry = f"tail -c +1 '{path}' |"
    assert measure_header(entry) is None
    assert RecordingReader().measure(entry)[:2] == (8000, 800)
