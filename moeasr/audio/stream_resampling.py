"""Resampling of a stream of audio, packet by packet."""

import math
from typing import Protocol

import soxr
import torch
from torch import Tensor

from moeasr.audio.resampling import resample_waveform
from moeasr.audio.sample_counts import FILTER_WIDTH, has_small_bank


class StreamResampler(Protocol):
    """A resampler that takes a signal in packets."""

    def resample(self, samples: Tensor, is_last: bool) -> Tensor:
        """Return the output samples that are complete after (S,) further input samples.

        With `is_last`, all remaining output samples are returned.
        """
        ...


def make_stream_resampler(orig_freq: int, new_freq: int) -> StreamResampler:
    """Return a resampler whose packets together equal `resample_waveform` of the whole signal.

    If `resample_waveform` uses torchaudio, only rounding differs. If it uses soxr, the stream also
    uses soxr, whose results for a stream and for a whole signal differ slightly.

    Args:
        orig_freq: The rate of the signal, Hz.
        new_freq: The rate to bring it to, Hz; it may be the same.
    """
    if has_small_bank(orig_freq, new_freq):
        return _BlockResampler(orig_freq, new_freq)
    return _SoxrResampler(orig_freq, new_freq)


class _BlockResampler:
    """A resampler of whole periods, each with the context that the filter needs on both sides."""

    def __init__(self, orig_freq: int, new_freq: int) -> None:
        divisor = math.gcd(orig_freq, new_freq)
        self._orig, self._new = orig_freq // divisor, new_freq // divisor
        # torchaudio's filter reaches FILTER_WIDTH periods of 0.99 of the lower rate
        reach = FILTER_WIDTH * self._orig / (0.99 * min(self._orig, self._new)) + 1
        self._num_context = math.ceil(reach / self._orig)
        """Periods of context that a period needs on each side."""
        self._samples = torch.zeros(0)  # a few periods of context first
        self._num_done = 0  # periods at the beginning of `_samples` that were returned

    def resample(self, samples: Tensor, is_last: bool) -> Tensor:
        """Resample a packet, see `StreamResampler`."""
        if self._orig == self._new:
            return samples
        self._samples = torch.cat([self._samples, samples])
        if not self._samples.numel():  # a stream that ends without audio
            return self._samples
        num_complete = self._samples.numel() // self._orig - self._num_context
        if num_complete <= self._num_done and not is_last:
            return torch.zeros(0)
        resampled = resample_waveform(self._samples, self._orig, self._new)
        end = None if is_last else num_complete * self._new
        resampled = resampled[self._num_done * self._new : end]
        spare = max(num_complete - self._num_context, 0)
        self._samples = self._samples[spare * self._orig :]
        self._num_done = num_complete - spare
        return resampled


class _SoxrResampler:
    """A resampler that calls soxr, for rates whose filter bank would be large."""

    def __init__(self, orig_freq: int, new_freq: int) -> None:
        self._stream = soxr.ResampleStream(orig_freq, new_freq, num_channels=1, quality="VHQ")

    def resample(self, samples: Tensor, is_last: bool) -> Tensor:
        """Resample a packet, see `StreamResampler`."""
        packet = samples.to(torch.float32).contiguous().numpy()
        return torch.from_numpy(self._stream.resample_chunk(packet, last=is_last))
