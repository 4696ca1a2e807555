"""Resampling between rates with and without a common factor."""

import math

import pytest
import torch
import torchaudio.functional

from moeasr.audio.resampling import resample_waveform
from moeasr.audio.sample_counts import FILTER_WIDTH, resampled_length

COPRIME = [(44101, 16000), (8000, 44101), (16001, 16000), (22255, 16000), (999983, 16000)]


def sine(rate_hz: int, num_samples: int) -> torch.Tensor:
    """Return a sine of 440 Hz at half amplitude."""
    seconds = torch.arange(num_samples, dtype=torch.float64) / rate_hz
    return (0.5 * torch.sin(2 * math.pi * 440 * seconds)).float()


@pytest.mark.parametrize(("orig_freq", "new_freq"), COPRIME)
def test_rates_without_a_common_factor_need_no_bank_of_filters(
    orig_freq: int, new_freq: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchaudio would compute `orig_freq` filters, which takes minutes and gigabytes."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(args)

    monkeypatch.setattr(torchaudio.functional, "resample", refuse)
    resampled = resample_waveform(sine(orig_freq, orig_freq), orig_freq, new_freq)
    assert resampled.dtype == torch.float32
    assert len(resampled) == new_freq
    expected = sine(new_freq, new_freq)
    # samples of size 1, each a sum over a filter of a few hundred taps
    tolerance = 80 * torch.finfo(torch.float32).eps
    torch.testing.assert_close(resampled[500:-500], expected[500:-500], atol=tolerance, rtol=0)


@pytest.mark.parametrize("rate_hz", [44101, 44100, 48000, 22050])
def test_frequencies_above_half_the_new_rate_are_removed(rate_hz: int) -> None:
    """A tone 600 Hz above it loses 54 dB, and a tone 600 Hz below it at most one percent."""
    seconds = torch.arange(rate_hz // 4, dtype=torch.float64) / rate_hz
    for tone_hz, low, high in ((8600, 0.0, 10 ** (-54 / 20)), (7400, 0.99, 1.01)):
        tone = torch.sin(2 * math.pi * tone_hz * seconds).float()
        amplitude = resample_waveform(tone, rate_hz, 16000)[500:-500].abs().max().item()
        assert low <= amplitude <= high


@pytest.mark.parametrize(("orig_freq", "new_freq"), [*COPRIME, (44100, 16000), (11025, 8000)])
def test_lengths_are_known_without_computing(orig_freq: int, new_freq: int) -> None:
    for num_samples in (1, 2, 3, 5, 11, 1000, 12345, 44101):
        resampled = resample_waveform(torch.ones(num_samples), orig_freq, new_freq)
        assert len(resampled) == resampled_length(num_samples, orig_freq, new_freq)
        assert len(resampled) == math.ceil(num_samples * new_freq / orig_freq)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 12000, 22050, 24000, 32000, 44100, 48000, 96000])
def test_rates_in_common_use_give_what_torchaudio_gives(rate_hz: int) -> None:
    """Results are bit-identical, so that features of earlier versions stay valid."""
    waveform = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    expected = torchaudio.functional.resample(
        waveform, rate_hz, 16000, lowpass_filter_width=FILTER_WIDTH
    )
    assert torch.equal(resample_waveform(waveform, rate_hz, 16000), expected)
