"""The numbers of samples after resampling and after changes of speed."""

import pytest
import torch

from moeasr.audio.perturb import perturb_speed
from moeasr.audio.resampling import resample_waveform
from moeasr.audio.sample_counts import (
    has_small_bank,
    perturbed_length,
    resampled_length,
    speed_ratio,
)
from moeasr.errors import InputError


@pytest.mark.parametrize(
    ("num_samples", "orig_freq", "new_freq", "expected"),
    [
        (100, 16000, 16000, 100),
        (100, 8000, 16000, 200),
        (101, 16000, 8000, 51),
        (1000, 44100, 16000, 363),  # 362.8
        (1000, 44101, 16000, 363),  # through another program: the bank of filters is too large
    ],
)
def test_lengths_are_those_of_the_resampled_signal(num_samples, orig_freq, new_freq, expected):
    assert resampled_length(num_samples, orig_freq, new_freq) == expected
    assert len(resample_waveform(torch.zeros(num_samples), orig_freq, new_freq)) == expected


def test_a_speed_is_a_ratio_of_rates():
    assert speed_ratio(0.9, 16000) == (9 * 16000, 10 * 16000)
    assert speed_ratio(1.1, 8000) == (11 * 8000, 10 * 8000)
    with pytest.raises(InputError, match="speed factor must be between 0.1 and 10, but is 11"):
        speed_ratio(11.0, 16000)


@pytest.mark.parametrize(("factor", "expected"), [(0.9, 1112), (1.0, 1000), (1.1, 910)])
def test_a_slower_signal_is_longer(factor, expected):
    assert perturbed_length(1000, 16000, factor) == expected
    assert len(perturb_speed(torch.zeros(1000), 16000, factor)) == expected


def test_rates_with_a_common_factor_have_small_banks():
    assert has_small_bank(44100, 16000) and has_small_bank(48000, 16000)
    assert not has_small_bank(44101, 16000)
