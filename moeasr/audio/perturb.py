"""Speed and volume perturbation of waveforms."""

import math

import torch

from moeasr.audio.resampling import resample_waveform
from moeasr.audio.sample_counts import speed_ratio
from moeasr.errors import InputError


def perturb_speed(waveform: torch.Tensor, sample_rate_hz: int, factor: float) -> torch.Tensor:
    """Change the speed of a waveform: factors above 1 make it shorter and higher in pitch.

    As in sox's `speed`, the samples are treated as a signal at `factor` times their rate, and
    resampled back to their own rate. torchaudio reduces that ratio to small integers (9:10, 11:10),
    which makes the filter short and the result exact.

    Args:
        waveform: (S,) samples.
        sample_rate_hz: The sample rate of `waveform`.
        factor: Speed factor within `moeasr.audio.bounds`, approximated by a fraction with a
            denominator of at most 1000.

    Returns:
        (ceil(S / factor),) samples at the same rate.

    Raises:
        InputError: `factor` is out of range.
    """
    return resample_waveform(waveform, *speed_ratio(factor, sample_rate_hz))


def perturb_volume(waveform: torch.Tensor, factor: float) -> torch.Tensor:
    """Multiply samples by a factor and clip them to the 16-bit range, as sox's `--vol` does.

    Args:
        waveform: (S,) samples in [-1, 1].
        factor: Any finite number; a negative one inverts the waveform.

    Raises:
        InputError: `factor` is not finite.
    """
    if not math.isfinite(factor):
        raise InputError(f"the volume factor must be a finite number, but is {factor}")
    return (waveform * factor).clamp(-1.0, 1.0 - 2.0**-15)
