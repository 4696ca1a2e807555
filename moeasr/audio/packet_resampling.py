"""Resampling of a signal packet by packet with soxr, without torch."""

import numpy as np
import soxr

QUALITY = "VHQ"


class PacketResampler:
    """A function that resamples a signal packet by packet.

    Args:
        rate_hz: The rate of the signal, Hz.
        new_rate_hz: The rate to bring it to, Hz; it may be the same.
    """

    def __init__(self, rate_hz: int, new_rate_hz: int) -> None:
        self._stream = None
        if rate_hz != new_rate_hz:
            self._stream = soxr.ResampleStream(
                rate_hz, new_rate_hz, num_channels=1, quality=QUALITY
            )

    def __call__(self, samples: np.ndarray, is_last: bool) -> np.ndarray:
        """Resample (S,) further samples; return what is complete, and the rest at the end."""
        if self._stream is None:
            return samples
        return self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32), last=is_last)
