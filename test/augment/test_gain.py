"""Gain of samples, and of log mel energies."""

import numpy as np
import pytest
import torch
from speech_sets import made_up_speech, tone

from moeasr.augment.augmentation import Speech
from moeasr.augment.gain import GainConfig
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig


def amplified(signal: torch.Tensor, gain_db: float) -> torch.Tensor:
    gain = GainConfig(gain_db=(gain_db, gain_db)).build(made_up_speech())
    return gain.apply(Speech(signal, "", 0), np.random.default_rng(0)).signal


def test_samples_are_multiplied():
    signal = tone(800, 300)
    assert torch.allclose(amplified(signal, 20.0), 10 * signal, rtol=1e-6)
    assert amplified(signal, 0.0).equal(signal)


@pytest.mark.parametrize("gain_db", [-6.0, 10.0])
def test_features_change_as_those_of_the_samples(gain_db):
    noise = torch.randn(8000, generator=torch.Generator().manual_seed(0)) / 10
    config = FbankConfig(num_mel_bins=20)
    of_samples = compute_fbank(amplified(noise, gain_db), config)
    of_features = amplified(compute_fbank(noise, config), gain_db)
    assert torch.allclose(of_samples, of_features, atol=1e-4)
