"""The number of samples after resampling or a change of speed, computed without torch."""

import math
from fractions import Fraction

import numpy as np

from moeasr.audio.bounds import check_speed

FILTER_WIDTH = 32
"""Zero crossings of the resampling filter on each side. With torchaudio's default of 6, frequencies
up to 0.5 kHz above the new Nyquist frequency are aliased at nearly half their amplitude. sox, the
reference for speed perturbation, removes them, and 32 takes no more time than 6."""

MAX_FILTER_TAPS = 1 << 22
"""Size of the largest filter bank that torchaudio may compute. A bank has about `orig_freq *
new_freq` taps after division by their greatest common divisor: 99 360 taps from 44100 to 16000 Hz,
but 700 million from 44101 Hz."""


def resampled_length(num_samples: int, orig_freq: int, new_freq: int) -> int:
    """Return the length of the output of `resample_waveform` for `num_samples` samples.

    torchaudio computes the target length in float32, which is not exact above 2^24 samples. It
    then cuts its output, which has at most `new_freq` samples more than the signal, to this length.
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
    """Return whether torchaudio's filter bank between two rates has at most MAX_FILTER_TAPS."""
    divisor = math.gcd(orig_freq, new_freq)
    orig_freq, new_freq = orig_freq // divisor, new_freq // divisor
    num_taps = orig_freq * new_freq + 2 * FILTER_WIDTH * max(orig_freq, new_freq)
    return num_taps <= MAX_FILTER_TAPS


def perturbed_length(num_samples: int, sample_rate_hz: int, factor: float) -> int:
    """Return the length of the output of `perturb_speed` for `num_samples` samples."""
    return resampled_length(num_samples, *speed_ratio(factor, sample_rate_hz))


def speed_ratio(factor: float, sample_rate_hz: int) -> tuple[int, int]:
    """Return the two rates between which to resample in order to change the speed by a factor."""
    check_speed(factor)
    ratio = Fraction(factor).limit_denominator(1000)
    return ratio.numerator * sample_rate_hz, ratio.denominator * sample_rate_hz
