"""Computed noises: their spectra."""

import math

import numpy as np
import pytest
import torch
from speech_sets import RATE_HZ

from moeasr.augment.made_noise import MADE_NOISES, brown_noise, hum, pink_noise, white_noise


def octave_db(samples: torch.Tensor, low_hz: float) -> float:
    """Return the density of power in an octave, dB."""
    spectrum = torch.fft.rfft(samples.double()).abs().square()
    first = int(low_hz * len(samples) / RATE_HZ)
    return 10 * math.log10(float(spectrum[first : 2 * first].mean()))


@pytest.mark.parametrize("name", MADE_NOISES)
@pytest.mark.parametrize("num_samples", [1, 2, 400, 16000])
def test_every_noise_has_the_length_and_differs_by_seed(name, num_samples):
    make = MADE_NOISES[name]
    found = [make(num_samples, RATE_HZ, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert found[0].shape == (num_samples,) and found[0].dtype == torch.float32
    assert found[0].isfinite().all() and found[0].any()
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


@pytest.mark.parametrize("name", MADE_NOISES)
def test_every_noise_suits_a_low_sample_rate(name):
    assert MADE_NOISES[name](1000, 1000, np.random.default_rng(0)).isfinite().all()


@pytest.mark.parametrize(
    ("make", "fall_db"), [(white_noise, 0.0), (pink_noise, 3.01), (brown_noise, 6.02)]
)
def test_the_power_of_coloured_noise_falls_by_octaves(make, fall_db):
    samples = make(1 << 18, RATE_HZ, np.random.default_rng(0))
    levels = [octave_db(samples, low_hz) for low_hz in (200, 400, 800, 1600, 3200)]
    # the mean of n exponentially distributed powers is within 5 / sqrt(n); here n >= 3276
    assert -np.diff(levels) == pytest.approx([fall_db] * 4, abs=0.5)


def test_coloured_noise_does_not_rise_below_50_hz():
    samples = brown_noise(1 << 18, RATE_HZ, np.random.default_rng(0))
    assert octave_db(samples, 20) - octave_db(samples, 10) == pytest.approx(0, abs=1.5)


def test_a_hum_has_harmonics_of_its_lowest_tone():
    samples = hum(1 << 14, RATE_HZ, np.random.default_rng(0))
    spectrum = torch.fft.rfft(samples.double()).abs()
    base = int(spectrum.argmax())
    assert 40 <= base * RATE_HZ / (1 << 14) <= 131
    peaks = spectrum[base * torch.arange(1, 11)]
    assert peaks.min() > 5 * spectrum.median()
    assert (peaks.diff() < 0).all()
