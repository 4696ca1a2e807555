"""Audio from standard input and to standard output."""

import io

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.programs import Volume
from moeasr.audio.standard_streams import read_entry, write_changed
from moeasr.errors import InputError


@pytest.fixture
def path(tmp_path):
    """Return a WAV file of 100 16-bit samples at 8 kHz, all equal to 0.25."""
    soundfile.write(tmp_path / "a.wav", np.full(100, 0.25), 8000, subtype="PCM_16")
    return tmp_path / "a.wav"


def feed(monkeypatch, content):
    """Replace standard input by some bytes."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_dash_is_standard_input_and_anything_else_an_entry(path, monkeypatch):
    feed(monkeypatch, path.read_bytes())
    for name in ("-", str(path)):
        samples, rate_hz = read_entry(name)
        assert (rate_hz, samples.tolist()) == (8000, [0.25] * 100)
    with pytest.raises(InputError, match="standard input is empty"):
        read_entry("-")


def test_a_command_is_an_entry(path):
    assert read_entry(f"cat {path} |")[1] == 8000


def test_what_is_written_has_16_bits_and_all_effects(capfdbinary):
    write_changed(torch.tensor([0.25, -0.5, 1.0]), 8000, [Volume(0.5), Volume(2.0), Volume(2.0)])
    written = soundfile.SoundFile(io.BytesIO(capfdbinary.readouterr().out))
    assert (written.format, written.subtype, written.samplerate) == ("WAV", "PCM_16", 8000)
    assert written.read(dtype="int16").tolist() == [16384, -32768, 32767]
