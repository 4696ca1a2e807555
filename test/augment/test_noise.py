"""Additive noise, computed and recorded."""

import math

import numpy as np
import pytest
import torch
from speech_sets import made_up_speech, tone, write_sound

from moeasr.augment.made_noise import MADE_NOISES
from moeasr.augment.mixing import power
from moeasr.augment.noise import NoiseConfig
from moeasr.errors import InputError


def added(config: NoiseConfig, seed: int = 0) -> torch.Tensor:
    """Return the noise that is added to an utterance."""
    speech_set = made_up_speech()
    speech = speech_set.read(0)
    found = config.build(speech_set).apply(speech, np.random.default_rng(seed))
    return found.signal.double() - speech.signal.double()


def snr_db(noise: torch.Tensor) -> float:
    return 10 * math.log10(power(made_up_speech().read(0).signal) / power(noise))


@pytest.mark.parametrize("kind", MADE_NOISES)
def test_the_snr_of_computed_noise_is_as_drawn(kind):
    config = NoiseConfig(kinds=(kind,), snr_db=(7.0, 7.0))
    assert snr_db(added(config)) == pytest.approx(7, abs=1e-3)  # samples are rounded to float32


def test_the_snr_varies_within_its_interval():
    found = [snr_db(added(NoiseConfig(snr_db=(0.0, 10.0)), seed)) for seed in range(30)]
    assert -1e-3 < min(found) < 2 and 8 < max(found) < 10.001


def test_recorded_noise_is_an_excerpt_of_a_file(tmp_path):
    recording = torch.randn(9000, generator=torch.Generator().manual_seed(0))
    write_sound(tmp_path / "a.wav", recording)
    noise = added(NoiseConfig(source=str(tmp_path), snr_db=(0.0, 0.0)))
    windows = recording.double().unfold(0, 8000, 1)
    similarity = (windows @ noise) / (windows.norm(dim=1) * noise.norm())
    assert similarity.max() == pytest.approx(1, abs=1e-6)
    assert snr_db(noise) == pytest.approx(0, abs=1e-3)


def test_silent_recordings_change_nothing(tmp_path):
    write_sound(tmp_path / "a.wav", torch.zeros(9000))
    assert not added(NoiseConfig(source=str(tmp_path))).any()


def test_a_directory_without_audio_and_no_kind_are_refused(tmp_path):
    with pytest.raises(InputError, match="contains no audio, neither in a wav.scp nor in files"):
        NoiseConfig(source=str(tmp_path)).build(made_up_speech())
    with pytest.raises(InputError, match="^there is no directory nowhere$"):
        NoiseConfig(source="nowhere").build(made_up_speech())
    with pytest.raises(InputError, match="`kinds` must contain at least one of white"):
        NoiseConfig(kinds=())


def test_music_is_noise_from_another_directory(tmp_path):
    write_sound(tmp_path / "music" / "a.wav", tone(9000, 440))
    noise = added(NoiseConfig(source=str(tmp_path / "music")))
    spectrum = torch.fft.rfft(noise).abs()
    assert int(spectrum.argmax()) == 440 * 8000 // 16000
