"""Settings of filter banks, and the samples that belong to each frame, without importing torch."""

from dataclasses import dataclass
from typing import Literal

from moeasr.errors import InputError
from moeasr.limits import MIN_MEL_BINS


@dataclass(frozen=True, kw_only=True)
class FbankConfig:
    """Settings of filter banks, which checkpoints store so that decoding uses the same features.

    The defaults are those of sherpa-onnx, so that an exported model receives the features on which
    it was trained.
    """

    sample_rate_hz: int = 16000
    """Sample rate to which audio is resampled, Hz."""
    num_mel_bins: int = 80
    """Number of filters (F)."""
    frame_length_ms: float = 25.0
    """Length of the analysis window, ms."""
    frame_shift_ms: float = 10.0
    """Distance between the starts of successive windows, ms."""
    low_freq_hz: float = 20.0
    """Lower edge of the lowest filter, Hz."""
    high_freq_hz: float = 7600.0
    """Upper edge of the highest filter, Hz; a value of 0 or less is added to half the sample
    rate."""
    snip_edges: bool = False
    """True to use only whole windows; false to compute one frame per shift, with the signal
    mirrored at its ends."""
    dither: float = 0.0
    """Standard deviation of the noise added to the samples, on the 16-bit scale; 0 is none."""
    window_type: Literal["povey", "hamming", "hanning", "blackman", "rectangular"] = "povey"
    """Shape of the analysis window."""

    def __post_init__(self) -> None:
        """Check the ranges of the fields.

        Raises:
            InputError: A value is out of range.
        """
        for name in ("sample_rate_hz", "num_mel_bins", "frame_length_ms", "frame_shift_ms"):
            value = getattr(self, name)
            if not 0 < value < 1e7:
                raise InputError(f"`{name}` must be above 0 and below 1e7, but is {value}")
        if self.num_mel_bins < MIN_MEL_BINS:
            raise InputError(
                f"`num_mel_bins` must be {MIN_MEL_BINS} or more, but is {self.num_mel_bins}"
            )
        if self.frame_shift_samples < 1 or self.frame_length_samples < 2:
            raise InputError(
                f"`frame_shift_ms` ({self.frame_shift_ms}) must be at least 1 sample, and "
                f"`frame_length_ms` ({self.frame_length_ms}) at least 2 samples"
            )
        if not 0 <= self.dither < 1e7:
            raise InputError(f"`dither` must be 0 or more, but is {self.dither}")
        half_rate_hz = self.sample_rate_hz / 2
        high_hz = self.high_freq_hz + (half_rate_hz if self.high_freq_hz <= 0 else 0)
        if not 0 <= self.low_freq_hz < high_hz <= half_rate_hz:
            raise InputError(
                f"`low_freq_hz` ({self.low_freq_hz}) must be less than `high_freq_hz` "
                f"({self.high_freq_hz}), and both must be between 0 and half the sample rate "
                f"({half_rate_hz:g} Hz)"
            )

    @property
    def frame_shift_samples(self) -> int:
        """Number of samples from one frame to the next."""
        return int(self.sample_rate_hz * self.frame_shift_ms * 0.001)

    @property
    def frame_shift_sec(self) -> float:
        """Time from one frame to the next in seconds: `frame_shift_ms` in whole samples."""
        return self.frame_shift_samples / self.sample_rate_hz

    @property
    def frame_length_samples(self) -> int:
        """Number of samples in a window."""
        return int(self.sample_rate_hz * self.frame_length_ms * 0.001)


def num_fbank_frames(num_samples: int, config: FbankConfig) -> int:
    """Return the number of frames that `compute_fbank` computes from `num_samples` samples."""
    shift = config.frame_shift_samples
    if config.snip_edges:
        if num_samples < config.frame_length_samples:
            return 0
        return 1 + (num_samples - config.frame_length_samples) // shift
    return (num_samples + shift // 2) // shift


def window_range(frame: int, num_frames: int, config: FbankConfig) -> tuple[int, int]:
    """Return the range of samples in the windows of `num_frames` frames, starting with `frame`.

    The range is given by its first sample and the sample after its last one. Without `snip_edges`,
    it may extend before the signal (below 0) or after its end.
    """
    shift, length = config.frame_shift_samples, config.frame_length_samples
    centring = 0 if config.snip_edges else shift // 2 - length // 2
    first = frame * shift + centring
    return first, first + (num_frames - 1) * shift + length
