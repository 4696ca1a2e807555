"""Speed and volume perturbation."""

import math

import pytest
import torch
import torchaudio

from moeasr.audio.perturb import perturb_speed, perturb_volume
from moeasr.audio.sample_counts import perturbed_length, resampled_length
from moeasr.errors import InputError


def sine(frequency_hz: float, num_samples: int = 16000) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency_hz * torch.arange(num_samples) / 16000)


@pytest.mark.parametrize("factor", [0.9, 1.1, 0.5, 2.0, 1.25, 0.97])
def test_speed_scales_length_and_pitch(factor: float) -> None:
    result = perturb_speed(sine(440.0), 16000, factor)
    assert len(result) == math.ceil(16000 / factor)
    # the same sine, `factor` times as high, away from the filter's edges
    expected = sine(440.0 * factor, len(result))
    torch.testing.assert_close(result[200:-200], expected[200:-200], atol=2e-3, rtol=0)


def test_speed_one_is_the_waveform_itself() -> None:
    waveform = torch.randn(1001, generator=torch.Generator().manual_seed(0))
    assert torch.equal(perturb_speed(waveform, 16000, 1.0), waveform)


def test_frequencies_that_would_exceed_half_the_rate_are_removed() -> None:
    """At speed 1.1, 7.8 kHz becomes 8.6 kHz, which aliases to 7.4 kHz without a filter."""
    assert perturb_speed(sine(7800.0), 16000, 1.1)[200:-200].abs().max() < 0.02


@pytest.mark.parametrize(
    "factor", [0.0, -1.0, 1e-9, 0.001, 999.999, 1e9, float("nan"), float("inf")]
)
def test_a_speed_out_of_range_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match="speed factor must be between 0.1 and 10, but is"):
        perturb_speed(sine(440.0), 16000, factor)


def test_samples_that_become_too_loud_are_clipped_to_16_bits() -> None:
    samples = torch.tensor([-32768, -20000, -16384, -1, 0, 1, 16383, 16384, 32767]) / 32768
    louder = perturb_volume(samples, 2.0) * 32768
    assert louder.tolist() == [-32768, -32768, -32768, -2, 0, 2, 32766, 32767, 32767]
    upside_down = perturb_volume(samples, -1.0) * 32768
    assert upside_down.tolist() == [32767, 20000, 16384, 1, 0, -1, -16383, -16384, -32767]


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_volume_that_is_no_number_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match="volume factor must be a finite number, but is"):
        perturb_volume(sine(440.0), factor)


@pytest.mark.parametrize("factor", [0.9, 1.1, 1.05, 0.8333, 1.0])
@pytest.mark.parametrize("rate_hz", [16000, 8000, 11025])
def test_lengths_are_known_without_computing(factor: float, rate_hz: int) -> None:
    for num_samples in (1, 2, 9, 10, 11, 100, 999, 12345, 16000):
        waveform = torch.zeros(num_samples)
        changed = perturb_speed(waveform, rate_hz, factor)
        assert perturbed_length(num_samples, rate_hz, factor) == len(changed)
        resampled = torchaudio.functional.resample(waveform, rate_hz, 16000)
        assert resampled_length(num_samples, rate_hz, 16000) == len(resampled)


@pytest.mark.parametrize("num_samples", [2**24 + 1, 2**24 + 3, 19_000_003])
def test_lengths_that_float32_cannot_count_are_torchaudios(num_samples: int) -> None:
    changed = perturb_speed(torch.zeros(num_samples), 16000, 0.9)
    assert perturbed_length(num_samples, 16000, 0.9) == len(changed)


def test_lengths_of_hours_end_where_the_filter_does() -> None:
    """The expected length is from a call of `perturb_speed`, which takes gigabytes."""
    assert perturbed_length(251_658_245, 16000, 0.9) == 279_620_280
