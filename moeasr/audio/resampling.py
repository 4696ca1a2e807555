"""Change of the sample rate, at a cost that grows with the signal and not with the two rates."""

import torch
import torchaudio.functional

from moeasr.audio.sample_counts import FILTER_WIDTH, has_small_bank, resampled_length


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
    if has_small_bank(orig_freq, new_freq):
        return torchaudio.functional.resample(
            waveform, orig_freq, new_freq, lowpass_filter_width=FILTER_WIDTH
        )
    import soxr  # few recordings need it

    resampled = torch.from_numpy(soxr.resample(waveform.numpy(), orig_freq, new_freq, "VHQ"))
    missing = resampled_length(waveform.numel(), orig_freq, new_freq) - resampled.numel()
    return torch.nn.functional.pad(resampled, (0, missing))  # soxr rounds; here lengths round up
