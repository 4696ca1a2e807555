"""Numbers of samples after resampling or a change of speed; starts without torch."""

import math
from fractions import Fraction

import numpy as np

from moeasr.audio.bounds import check_speed

FILTER_WIDTH = 32
"""Zero crossings of the resampling filter on each side. At torchaudio's default of 6, what lies up
to 0.5 kHz above the new half rate folds back at nearly half its amplitude; sox, the reference for
speed perturbation, lets nothing through, and 32 costs no more time than 6."""

MAX_FILTER_TAPS = 1 << 22
"""Largest bank of filters that torchaudio may compute. It has about `orig_freq * new_freq` taps
after their common factor is cancelled: 44100 to 16000 Hz takes 99 360, 44101 Hz 700 million."""


def resampled_length(num_samples: int, orig_freq: int, new_freq: int) -> int:
    """Return how many samples `resample_waveform` makes of `num_samples`.

    torchaudio computes its target in float32, which beyond 2^24 samples is not every whole number;
    what it has to cut to that is a filter's worth of outputs more than once through the signal.
    """
    if orig_freq == new_freq:
        return num_samples
    if not has_small_bank(orig_freq, new_freq):
        return -(-num_samples * new_freq // orig_freq)
    divisor = math.gcd(orig_freq, new_freq)
    orig_freq, new_freq = orig_freq // divisor, new_freq // divisor
    target = math.ceil(np.float32(new_freq * num_samples / orig_freq))
    return min(target, (num_samples // orig_freq + 1) * new_freq)


def has_small_bank(orig_freq: int, new_freq: int) -> bool:
    """Return whether torchaudio's bank of filters between two rates is small."""
    divisor = math.gcd(orig_freq, new_freq)
    orig_freq, new_freq = orig_freq // divisor, new_freq // divisor
    num_taps = orig_freq * new_freq + 2 * FILTER_WIDTH * max(orig_freq, new_freq)
    return num_taps <= MAX_FILTER_TAPS


def perturbed_length(num_samples: int, sample_rate_hz: int, factor: float) -> int:
    """Return how many samples `perturb_speed` makes of `num_samples`."""
    return resampled_length(num_samples, *speed_ratio(factor, sample_rate_hz))


def speed_ratio(factor: float, sample_rate_hz: int) -> tuple[int, int]:
    """Return the rates to resample from and to, for samples of a rate and a speed factor."""
    check_speed(factor)
    ratio = Fraction(factor).limit_denominator(1000)
    return ratio.numerator * sample_rate_hz, ratio.denominator * sample_rate_hz
