"""Settings of filter banks, and the samples of each frame."""

import pytest

from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig, num_fbank_frames, window_range

WHOLE_WINDOWS = FbankConfig(snip_edges=True)


@pytest.mark.parametrize(
    ("settings", "frame_shift_sec"),
    [
        ({}, 0.01),
        ({"sample_rate_hz": 8000, "high_freq_hz": 0.0, "frame_shift_ms": 12.5}, 0.0125),
        ({"sample_rate_hz": 22050}, 220 / 22050),  # 220.5 samples are 10 ms
    ],
)
def test_a_frame_lasts_whole_samples(settings: dict, frame_shift_sec: float) -> None:
    config = FbankConfig(**settings)
    assert config.frame_shift_sec == frame_shift_sec
    num_frames = num_fbank_frames(3600 * config.sample_rate_hz, config)
    assert num_frames * config.frame_shift_sec == pytest.approx(3600, abs=frame_shift_sec)


def test_defaults_are_those_of_sherpa_onnx() -> None:
    """Its `high_freq` of -400 Hz is added to 8 kHz."""
    assert FbankConfig() == FbankConfig(
        sample_rate_hz=16000,
        num_mel_bins=80,
        frame_length_ms=25.0,
        frame_shift_ms=10.0,
        low_freq_hz=20.0,
        high_freq_hz=7600.0,
        snip_edges=False,
        dither=0.0,
        window_type="povey",
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_mel_bins": 0}, "`num_mel_bins` must be above 0 and below 1e7, but is 0"),
        ({"frame_length_ms": float("nan")}, "`frame_length_ms` must be above 0 .*, but is nan"),
        ({"sample_rate_hz": 10**400}, "`sample_rate_hz` must be above 0 and below 1e7"),
        ({"dither": float("nan")}, "`dither` must be 0 or more, but is nan"),
        ({"num_mel_bins": 6}, "`num_mel_bins` must be 7 or more"),
        ({"frame_shift_ms": 0.01}, "must be at least 1 sample"),
        ({"dither": -1.0}, "`dither` must be 0 or more, but is -1.0"),
        ({"high_freq_hz": 8001.0}, "8000 Hz"),
        ({"high_freq_hz": -7990.0}, "must be between 0 and half the sample rate"),
        ({"low_freq_hz": -1.0}, "must be between 0 and half the sample rate"),
    ],
)
def test_a_value_out_of_range_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FbankConfig(**settings)


@pytest.mark.parametrize(
    ("num_samples", "num_frames", "num_whole"),
    [(0, 0, 0), (79, 0, 0), (80, 1, 0), (239, 1, 0), (400, 3, 1), (560, 4, 2), (16000, 100, 98)],
)
def test_numbers_of_frames_by_hand(num_samples: int, num_frames: int, num_whole: int) -> None:
    """One frame per shift of 160 samples, the last one from half a shift on; or windows of 400."""
    assert num_fbank_frames(num_samples, FbankConfig()) == num_frames
    assert num_fbank_frames(num_samples, WHOLE_WINDOWS) == num_whole


def test_windows_are_centred_on_their_shifts_or_begin_with_the_signal() -> None:
    assert window_range(0, 1, FbankConfig()) == (-120, 280)  # 80 in the middle
    assert window_range(3, 2, FbankConfig()) == (360, 920)
    assert window_range(0, 1, WHOLE_WINDOWS) == (0, 400)
    assert window_range(3, 2, WHOLE_WINDOWS) == (480, 1040)
