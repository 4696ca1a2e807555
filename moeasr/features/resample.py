"""Change of the sample rate, at a cost that grows with the signal and not with the two rates."""

import math

import torch
import torchaudio.functional

FILTER_WIDTH = 32
"""Zero crossings of the resampling filter on each side. At torchaudio's default of 6, what lies up
to 0.5 kHz above the new half rate folds back at nearly half its amplitude; sox, the reference for
speed perturbation, lets nothing through, and 32 costs no more time than 6."""

MAX_FILTER_TAPS = 1 << 22
"""Largest bank of filters that torchaudio may compute. It has about `orig_freq * new_freq` taps
after their common factor is cancelled: 44100 to 16000 Hz takes 99 360, 44101 Hz 700 million."""


def resample_waveform(waveform: torch.Tensor, orig_freq: int, new_freq: int) -> torch.Tensor:
    """Bring a signal from one sample rate to another.

    Rates whose ratio cancels down to small integers (all rates in common use, and changes of speed)
    go through torchaudio's bank of filters; all other rates go through soxr, which interpolates
    between filters and therefore needs neither the time nor the memory of a bank.

    Args:
        waveform: (S,) float32 samples.
        orig_freq: Their rate, Hz.
        new_freq: The rate to bring them to, Hz.

    Returns:
        (S',) float32 samples, S' = `resampled_length(S, orig_freq, new_freq)`.
    """
    if orig_freq == new_freq:
        return waveform
    if _has_small_bank(orig_freq, new_freq):
        return torchaudio.functional.resample(
            waveform, orig_freq, new_freq, lowpass_filter_width=FILTER_WIDTH
        )
    import soxr  # few recordings need it

    resampled = torch.from_numpy(soxr.resample(waveform.numpy(), orig_freq, new_freq, "VHQ"))
    missing = resampled_length(waveform.numel(), orig_freq, new_freq) - resampled.numel()
    return torch.nn.functional.pad(resampled, (0, missing))  # soxr rounds; here lengths round up


def resampled_length(num_samples: int, orig_freq: int, new_freq: int) -> int:
    """Return how many samples `resample_waveform` makes of `num_samples`.

    torchaudio computes its target in float32, which beyond 2^24 samples is not every whole number;
    what it has to cut to that is a filter's worth of outputs more than once through the signal.
    """
    if orig_freq == new_freq:
        return num_samples
    if not _has_small_bank(orig_freq, new_freq):
        return -(-num_samples * new_freq // orig_freq)
    divisor = math.gcd(orig_freq, new_freq)
    orig_freq, new_freq = orig_freq // divisor, new_freq // divisor
    target = int(torch.ceil(torch.as_tensor(new_freq * num_samples / orig_freq)))
    return min(target, (num_samples // orig_freq + 1) * new_freq)


def _has_small_bank(orig_freq: int, new_freq: int) -> bool:
    """Return whether torchaudio's bank of filters between two rates is small."""
    divisor = math.gcd(orig_freq, new_freq)
    orig_freq, new_freq = orig_freq // divisor, new_freq // divisor
    num_taps = orig_freq * new_freq + 2 * FILTER_WIDTH * max(orig_freq, new_freq)
    return num_taps <= MAX_FILTER_TAPS
