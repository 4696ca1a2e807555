"""Mixtures of an utterance and a noise at a given signal-to-noise ratio (SNR)."""

import math

import numpy as np
import torch
from torch import Tensor


def power(signal: Tensor) -> float:
    """Return the mean square of (S,) samples; 0 if there are none."""
    return float(signal.double().square().mean()) if signal.numel() else 0.0


def mix_at_snr(signal: Tensor, noise: Tensor, snr_db: float) -> Tensor:
    """Return an utterance with a noise at an SNR.

    The SNR is the ratio of the mean powers of the whole utterance and the whole noise:
    `10 log10(power(signal) / power(g noise)) = snr_db`, from which the gain g follows.

    Args:
        signal: (S,) samples of the utterance.
        noise: (S,) samples of the noise.
        snr_db: The SNR, dB.

    Returns:
        (S,) `signal + g noise`, which may exceed [-1, 1]. If one of the two is digital silence,
        the utterance is returned unchanged.
    """
    if power(signal) == 0 or power(noise) == 0:
        return signal
    gain = math.sqrt(power(signal) / power(noise) * 10 ** (-snr_db / 10))
    return signal + gain * noise


def with_power_of(signal: Tensor, reference: Tensor) -> Tensor:
    """Return samples scaled to the mean power of `reference`; digital silence is unchanged."""
    if power(signal) == 0:
        return signal
    return signal * math.sqrt(power(reference) / power(signal))


def fit_length(signal: Tensor, num_samples: int, rng: np.random.Generator) -> Tensor:
    """Return `num_samples` successive samples from a random position of a signal.

    Args:
        signal: (S,) samples, S > 0. If it is too short, it is repeated from its start.
        num_samples: Number of samples to return.
        rng: Random number generator.
    """
    spare = signal.numel() - num_samples
    if spare < 0:
        return signal.repeat(-(-num_samples // signal.numel()))[:num_samples]
    start = int(rng.integers(spare + 1))
    return signal[start : start + num_samples]


def draw_noise(num_samples: int, rng: np.random.Generator) -> Tensor:
    """Return (S,) float32 samples of white Gaussian noise with power 1."""
    return torch.from_numpy(rng.standard_normal(num_samples, dtype=np.float32))
