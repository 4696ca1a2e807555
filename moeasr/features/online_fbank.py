"""Filter banks of a stream of audio, each frame as soon as its window is complete."""

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.features.fbank import check_finite, log_mel, mirrored
from moeasr.features.fbank_config import FbankConfig, num_fbank_frames, window_range


class OnlineFbank:
    """A streaming version of `compute_fbank`, without dither.

    It keeps at most one window of samples, regardless of the length of the signal.

    Args:
        config: Settings of the filter banks.
    """

    def __init__(self, config: FbankConfig) -> None:
        self._config = config
        self._samples = torch.zeros(0)  # the most recent samples
        self._num_samples = 0  # number of samples received so far
        self._num_frames = 0  # number of frames returned so far
        self._is_over = False

    def accept(self, samples: Tensor) -> Tensor:
        """Accept the next (S,) samples in [-1, 1]; return the (T, F) frames that are now complete.

        Raises:
            InputError: The signal has already ended, or a sample is NaN or infinite.
        """
        if self._is_over:
            raise InputError("this stream has ended and accepts no more audio")
        check_finite(samples)
        self._samples = torch.cat([self._samples, samples.to(torch.float32)])
        self._num_samples += samples.numel()
        first, length = window_range(self._num_frames, 1, self._config)[0], self._length
        spare = self._num_samples - first - length
        frames = self._frames(spare // self._config.frame_shift_samples + 1 if spare >= 0 else 0)
        # The signal is mirrored at its end, which is not before the middle of the next frame. With
        # windows of odd length, the sample before that frame may be needed.
        oldest = window_range(self._num_frames, 1, self._config)[0] - 1
        self._samples = self._samples[max(oldest - self._first, 0) :]
        return frames

    def finish(self) -> Tensor:
        """End the signal; return the remaining (T, F) frames, whose windows extend beyond its end.

        Raises:
            InputError: The signal has already ended.
        """
        if self._is_over:
            raise InputError("this stream has already ended")
        self._is_over = True
        return self._frames(num_fbank_frames(self._num_samples, self._config) - self._num_frames)

    @property
    def _length(self) -> int:
        return self._config.frame_length_samples

    @property
    def _first(self) -> int:
        """Position in the signal of the first sample in `_samples`."""
        return self._num_samples - self._samples.numel()

    def _frames(self, count: int) -> Tensor:
        """Compute the next `count` frames."""
        if count <= 0:
            return torch.zeros(0, self._config.num_mel_bins)
        positions = torch.arange(*window_range(self._num_frames, count, self._config))
        self._num_frames += count
        # Until `finish`, no window reaches the end of the signal: only its beginning is mirrored.
        folded = mirrored(positions, self._num_samples)
        return log_mel(self._samples[folded - self._first], self._config)
