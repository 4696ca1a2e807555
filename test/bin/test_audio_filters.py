"""perturb_volume, perturb_speed and resample: the commands that change audio in a pipe."""

import io

import numpy as np
import pytest
import soundfile

from moeasr.bin import perturb_speed, perturb_volume, resample

SAMPLES = np.array([-32768, -32767, -20001, -16384, -3, -1, 0, 1, 3, 16383, 16384, 32767] * 9)


@pytest.mark.parametrize(
    ("command", "factor", "expected"),
    [
        (perturb_volume, "1", SAMPLES),
        (perturb_speed, "1", SAMPLES),
        (resample, "8000", SAMPLES),  # the rate that it has
        (perturb_volume, "-1", -SAMPLES),
        (perturb_volume, "2", 2 * SAMPLES),
        (perturb_volume, "0.25", np.rint(0.25 * SAMPLES)),
    ],
)
def test_samples_of_16_bits_keep_their_scale(tmp_path, capfdbinary, command, factor, expected):
    """Full scale is 32768: what is not changed stays bit for bit, what is too loud is cut off."""
    soundfile.write(tmp_path / "a.wav", SAMPLES.astype(np.int16), 8000)
    command.main([factor, str(tmp_path / "a.wav")])
    written = soundfile.SoundFile(io.BytesIO(capfdbinary.readouterr().out))
    assert (written.format, written.subtype, written.channels) == ("WAV", "PCM_16", 1)
    assert written.samplerate == 8000
    assert written.read(dtype="int16").tolist() == np.clip(expected, -32768, 32767).tolist()


def test_float_samples_beyond_16_bits_are_cut_off(tmp_path, capfdbinary):
    samples = np.array([1.0, 1.5, 32767.4 / 32768, -1.0, -1.5, 0.25])
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    resample.main(["8000", str(tmp_path / "a.wav")])
    written, _ = soundfile.read(io.BytesIO(capfdbinary.readouterr().out), dtype="int16")
    assert written.tolist() == [32767, 32767, 32767, -32768, -32768, 8192]
