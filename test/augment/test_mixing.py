"""Powers and signal-to-noise ratios, measured."""

import math

import numpy as np
import pytest
import torch

from moeasr.augment.mixing import draw_noise, fit_length, mix_at_snr, power, with_power_of


def noise(num_samples: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_samples, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 37.5])
@pytest.mark.parametrize("level", [1e-4, 1.0, 300.0])
def test_the_snr_is_exact(snr_db, level):
    signal, other = 0.1 * noise(5000, 1), level * noise(5000, 2)
    mixed = mix_at_snr(signal, other, snr_db)
    ratio = power(signal) / power(mixed - signal)
    assert 10 * math.log10(ratio) == pytest.approx(snr_db, abs=1e-9)


def test_the_power_is_the_mean_square():
    assert power(torch.tensor([3.0, -4.0])) == 12.5
    assert power(torch.zeros(0)) == 0


def test_digital_silence_is_not_scaled():
    zeros, other = torch.zeros(7), torch.ones(7)
    assert torch.equal(mix_at_snr(zeros, other, 10.0), zeros)
    assert torch.equal(mix_at_snr(other, zeros, 10.0), other)
    assert torch.equal(with_power_of(zeros, other), zeros)


def test_a_signal_takes_the_power_of_another():
    found = with_power_of(noise(500, 1), 3 * noise(400, 2))
    assert power(found) == pytest.approx(power(3 * noise(400, 2)), rel=1e-12)


def test_a_long_signal_is_cut_at_a_random_place_and_a_short_one_repeated():
    signal = torch.arange(10.0)
    starts = set()
    for seed in range(50):
        found = fit_length(signal, 4, np.random.default_rng(seed))
        assert torch.equal(found.diff(), torch.ones(3))
        starts.add(int(found[0]))
    assert starts == set(range(7))
    rng = np.random.default_rng(0)
    assert fit_length(signal[:3], 7, rng).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert torch.equal(fit_length(signal, 10, rng), signal)


def test_noise_has_power_1():
    found = draw_noise(100_000, np.random.default_rng(0))
    assert found.dtype == torch.float32
    assert power(found) == pytest.approx(1, abs=5 * math.sqrt(2 / 100_000))
