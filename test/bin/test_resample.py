"""The `resample` command, which changes the sample rate of audio in a pipe."""

import io
from pipes import SAMPLES, pcm_of

import numpy as np
import soundfile

from moeasr.bin.resample import main


def test_the_same_rate_keeps_the_samples(tmp_path, capfdbinary):
    assert pcm_of(main, "8000", tmp_path, capfdbinary) == SAMPLES.tolist()


def test_another_rate_is_resampled(tmp_path, capfdbinary):
    soundfile.write(tmp_path / "a.wav", np.full(400, 0.25), 8000)
    main(["16000", str(tmp_path / "a.wav")])
    samples, rate_hz = soundfile.read(io.BytesIO(capfdbinary.readouterr().out), dtype="int16")
    assert (rate_hz, len(samples)) == (16000, 800)
    assert np.abs(samples[200:-200] - 8192).max() <= 16


def test_float_samples_beyond_16_bits_are_clipped(tmp_path, capfdbinary):
    samples = np.array([1.0, 1.5, 32767.4 / 32768, -1.0, -1.5, 0.25])
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    main(["8000", str(tmp_path / "a.wav")])
    written, _ = soundfile.read(io.BytesIO(capfdbinary.readouterr().out), dtype="int16")
    assert written.tolist() == [32767, 32767, 32767, -32768, -32768, 8192]
