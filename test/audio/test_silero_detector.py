"""Detection of speech by silero-vad: with its package its decisions, without it one sentence."""

import importlib.util
import sys

import numpy as np
import pytest

from moeasr.audio.silero_detector import SileroDetector
from moeasr.errors import InputError


def voice(rate_hz, seconds=2.0):
    """Return a buzz of 120 Hz with the formants of a vowel that comes and goes, like syllables."""
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    harmonics = np.arange(1, 30)[:, None] * 120.0
    formants = sum(np.exp(-(((harmonics - f) / 120) ** 2)) for f in (700, 1200, 2600))
    buzz = (formants * np.sin(2 * np.pi * harmonics * time)).sum(axis=0)
    loudness = np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    return (0.2 * loudness * buzz).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_a_voice_is_speech_but_silence_and_noise_are_not(rate_hz):
    pytest.importorskip("silero_vad")
    noise = 0.05 * np.random.default_rng(0).standard_normal(rate_hz).astype(np.float32)
    signal = np.concatenate([np.zeros(rate_hz, np.float32), voice(rate_hz), noise])
    detector = SileroDetector(rate_hz)
    frames = detector.accept(signal[:1000]) + detector.accept(signal[1000:]) + detector.finish()
    frames_per_sec = 1 / detector.frame_sec
    assert len(frames) == pytest.approx(4 * frames_per_sec, abs=1)
    silence, spoken, rest = np.split(np.array(frames), [31, 94])
    assert not silence[:-1].any() and not rest[10:].any()
    assert spoken.mean() > 0.3


@pytest.mark.slow
def test_decisions_are_those_of_the_package():
    silero_vad, torch = pytest.importorskip("silero_vad"), pytest.importorskip("torch")
    signal = voice(16000, 1.0)
    network = silero_vad.load_silero_vad(onnx=True)
    windows = torch.from_numpy(signal[: len(signal) // 512 * 512]).reshape(-1, 512)
    expected = [float(network(window, 16000)) > 0.5 for window in windows]
    assert SileroDetector(16000).accept(signal) == expected
    assert any(expected) and not all(expected)


@pytest.mark.parametrize("package", ["onnxruntime", "silero_vad"])
def test_a_missing_package_is_one_sentence(package, monkeypatch):
    if package == "onnxruntime":
        monkeypatch.setitem(sys.modules, package, None)
    else:
        pytest.importorskip("onnxruntime")
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"install them with `pip install -e '\.\[vad\]'` in the checkout$"
    ):
        SileroDetector(16000)
