"""Speed and volume perturbation of waveforms."""

import math

import torch

from moeasr.audio.resampling import resample_waveform
from moeasr.audio.sample_counts import speed_ratio
from moeasr.errors import InputError


def perturb_speed(waveform: torch.Tensor, sample_rate_hz: int, factor: float) -> torch.Tensor:
    """Play `waveform` `factor` times as fast: shorter and higher for factors above 1.

    Like sox's `speed`: the samples are taken for those of a signal at `factor` times their rate,
    and resampled to the rate. torchaudio cancels that ratio down to small integers (9:10, 11:10),
    which makes the filter short and the result exact.

    Args:
        waveform: (S,) samples.
        sample_rate_hz: Their rate.
        factor: Speed within `moeasr.audio.bounds`; rounded to thousandths or a simpler fraction.

    Returns:
        (ceil(S / factor),) samples at the same rate.

    Raises:
        InputError: `factor` is out of range.
    """
    return resample_waveform(waveform, *speed_ratio(factor, sample_rate_hz))


def perturb_volume(waveform: torch.Tensor, factor: float) -> torch.Tensor:
    """Multiply samples, and cut off what then exceeds the range of 16 bits, as sox's `--vol` does.

    Args:
        waveform: (S,) samples in [-1, 1].
        factor: Any finite number; below 0 turns the wave upside down.

    Raises:
        InputError: `factor` is not finite.
    """
    if not math.isfinite(factor):
        raise InputError(f"volume factor must be a finite number, but is {factor}")
    return (waveform * factor).clamp(-1.0, 1.0 - 2.0**-15)
