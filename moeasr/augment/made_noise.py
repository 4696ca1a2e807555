"""Noises that are computed, so that training with noise needs no recordings of noise."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from moeasr.augment.mixing import draw_noise

LOWEST_HZ = 50.0
"""Frequency below which coloured noise does not become stronger. Without this limit, most of its
power would lie below the frequencies of speech."""


def white_noise(num_samples: int, rate_hz: int, rng: np.random.Generator) -> Tensor:
    """Return (S,) samples of Gaussian noise with the same power at all frequencies."""
    return draw_noise(num_samples, rng)


def pink_noise(num_samples: int, rate_hz: int, rng: np.random.Generator) -> Tensor:
    """Return (S,) samples of Gaussian noise whose power falls by 3 dB per octave."""
    return _coloured_noise(num_samples, rate_hz, rng, exponent=0.5)


def brown_noise(num_samples: int, rate_hz: int, rng: np.random.Generator) -> Tensor:
    """Return (S,) samples of Gaussian noise whose power falls by 6 dB per octave."""
    return _coloured_noise(num_samples, rate_hz, rng, exponent=1.0)


def hum(num_samples: int, rate_hz: int, rng: np.random.Generator) -> Tensor:
    """Return (S,) samples of the hum of a machine: harmonics of 40 to 130 Hz, and faint noise.

    Harmonic h has the amplitude h^-d, with d between 0.5 and 1.5, and a random phase.
    """
    num_bins, decay = _fft_size(num_samples) // 2 + 1, rng.uniform(0.5, 1.5)
    bins_per_hz = 2 * (num_bins - 1) / rate_hz
    base = max(round(rng.uniform(40.0, 130.0) * bins_per_hz), 1)
    places = torch.arange(base, min(int(4000.0 * bins_per_hz) + 2, num_bins - 1), base)
    phases = torch.from_numpy(rng.uniform(0.0, 2 * np.pi, len(places)))
    amplitudes = torch.arange(1, len(places) + 1, dtype=torch.float64) ** -decay
    spectrum = torch.zeros(num_bins, dtype=torch.complex128)
    spectrum[places] = torch.polar(amplitudes, phases)
    samples = torch.fft.irfft(spectrum * (num_bins - 1))[:num_samples].float()
    return samples + 0.05 * draw_noise(num_samples, rng)


def clatter(num_samples: int, rate_hz: int, rng: np.random.Generator) -> Tensor:
    """Return (S,) samples of dishes: about eight strokes per second, each of which rings shortly.

    A stroke is a sine of 0.5 to 4 kHz that fades away within 10 to 100 ms. Faint noise fills the
    gaps.
    """
    samples, highest_hz = 0.01 * draw_noise(num_samples, rng).double(), min(4000.0, 0.45 * rate_hz)
    for _ in range(1 + rng.poisson(8.0 * num_samples / rate_hz)):
        start = int(rng.integers(num_samples))
        frequency_hz = rng.uniform(highest_hz / 8, highest_hz)
        fade_sec, level = rng.uniform(0.01, 0.1), rng.uniform(0.2, 1.0)
        times = torch.arange(num_samples - start, dtype=torch.float64) / rate_hz
        times = times[: int(8 * fade_sec * rate_hz)]
        stroke = level * torch.exp(-times / fade_sec) * torch.sin(2 * np.pi * frequency_hz * times)
        samples[start : start + len(times)] += stroke
    return samples.float()


def _coloured_noise(
    num_samples: int, rate_hz: int, rng: np.random.Generator, exponent: float
) -> Tensor:
    """Return Gaussian noise whose amplitude is proportional to frequency^-exponent."""
    padded = _fft_size(num_samples)
    spectrum = torch.fft.rfft(draw_noise(padded, rng))
    frequencies = torch.fft.rfftfreq(padded, 1 / rate_hz).clamp(min=LOWEST_HZ)
    return torch.fft.irfft(spectrum * frequencies**-exponent, padded)[:num_samples]


def _fft_size(num_samples: int) -> int:
    """Return the size of an FFT that covers a number of samples, a power of two of at least 4."""
    return 1 << max(num_samples - 1, 3).bit_length()


MADE_NOISES: dict[str, Callable[[int, int, np.random.Generator], Tensor]] = {
    "white": white_noise,
    "pink": pink_noise,
    "brown": brown_noise,
    "hum": hum,
    "clatter": clatter,
}
"""The family of computed noises: values of the key `kinds` of `type: noise`. Each is a function of
the number of samples, the sample rate in Hz and a random number generator."""
