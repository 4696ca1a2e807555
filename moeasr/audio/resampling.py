"""Resampling, at a cost that depends on the length of the signal but not on the two rates."""

import torch
import torchaudio.functional

from moeasr.audio.sample_counts import FILTER_WIDTH, has_small_bank, resampled_length


def resample_waveform(waveform: torch.Tensor, orig_freq: int, new_freq: int) -> torch.Tensor:
    """Resample a signal from one sample rate to another.

    torchaudio's filter bank resamples between rates whose ratio reduces to small integers: all
    common rates, and changes of speed. soxr resamples between all other rates. It interpolates
    between filters, so it needs neither the time nor the memory of a large filter bank.

    Args:
        waveform: (S,) float32 samples.
        orig_freq: The sample rate of `waveform`, Hz.
        new_freq: The sample rate of the result, Hz.

    Returns:
        (S',) float32 samples, S' = `resampled_length(S, orig_freq, new_freq)`.
    """
    if orig_freq == new_freq:
        return waveform
    if has_small_bank(orig_freq, new_freq):
        return torchaudio.functional.resample(
            waveform, orig_freq, new_freq, lowpass_filter_width=FILTER_WIDTH
        )
    import soxr  # imported here because few recordings need it

    resampled = torch.from_numpy(soxr.resample(waveform.numpy(), orig_freq, new_freq, "VHQ"))
    missing = resampled_length(waveform.numel(), orig_freq, new_freq) - resampled.numel()
    return torch.nn.functional.pad(resampled, (0, missing))  # soxr rounds lengths, we round them up
