"""Filter banks of a signal that is still coming in: each frame as soon as its window is full."""

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.features.fbank import check_finite, log_mel, mirrored
from moeasr.features.fbank_config import FbankConfig, num_fbank_frames, window_range


class OnlineFbank:
    """The features of `compute_fbank`, a piece of the signal at a time and without dither.

    It remembers two windows of samples, however long the signal.

    Args:
        config: The settings.
    """

    def __init__(self, config: FbankConfig) -> None:
        self._config = config
        self._samples = torch.zeros(0)  # the last ones
        self._num_samples = 0  # all so far
        self._num_frames = 0  # given out
        self._is_over = False

    def accept(self, samples: Tensor) -> Tensor:
        """Take (S,) more samples in [-1, 1], any number; give the frames (T, F) now complete.

        Raises:
            InputError: The signal has ended already, or a sample is NaN or infinite.
        """
        if self._is_over:
            raise InputError("this stream has ended: it takes no more audio")
        check_finite(samples)
        self._samples = torch.cat([self._samples, samples.to(torch.float32)])
        self._num_samples += samples.numel()
        first, length = window_range(self._num_frames, 1, self._config)[0], self._length
        spare = self._num_samples - first - length
        frames = self._frames(spare // self._config.frame_shift_samples + 1 if spare >= 0 else 0)
        # one window more than is needed now: the end of the signal is mirrored
        oldest = window_range(self._num_frames, 1, self._config)[0] - length
        self._samples = self._samples[max(oldest - self._first, 0) :]
        return frames

    def finish(self) -> Tensor:
        """End the signal; give the frames (T, F) that are left, which look beyond its end.

        Raises:
            InputError: The signal has ended already.
        """
        if self._is_over:
            raise InputError("this stream has ended already")
        self._is_over = True
        return self._frames(num_fbank_frames(self._num_samples, self._config) - self._num_frames)

    @property
    def _length(self) -> int:
        return self._config.frame_length_samples

    @property
    def _first(self) -> int:
        """Position of the first remembered sample."""
        return self._num_samples - self._samples.numel()

    def _frames(self, count: int) -> Tensor:
        """The next `count` frames."""
        if count <= 0:
            return torch.zeros(0, self._config.num_mel_bins)
        positions = torch.arange(*window_range(self._num_frames, count, self._config))
        self._num_frames += count
        # Before the end is known nothing reaches it: then only the beginning is folded.
        folded = mirrored(positions, self._num_samples)
        return log_mel(self._samples[folded - self._first], self._config)
