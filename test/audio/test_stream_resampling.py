"""A signal resampled in packets is the signal resampled as a whole."""

import pytest
import torch
from rounding import assert_close

from moeasr.audio.resampling import resample_waveform
from moeasr.audio.stream_resampling import make_stream_resampler

RATES_HZ = [8000, 11025, 16000, 22050, 24000, 44100, 48000, 96000, 15000]


def resample_packets(resampler, waveform, packet):
    """Return the resampled parts of a signal in packets."""
    parts = [resampler.resample(part, is_last=False) for part in waveform.split(packet)]
    return [*parts, resampler.resample(torch.zeros(0), is_last=True)]


@pytest.mark.parametrize("packet", [1, 100, 1601, 100000])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_packets_together_are_the_whole(rate_hz, packet):
    for num_samples in (1, 50, 3000) if packet == 1 else (1, 12345):
        waveform = torch.randn(num_samples)
        resampler = make_stream_resampler(rate_hz, 16000)
        parts = resample_packets(resampler, waveform, packet)
        assert_close(torch.cat(parts), resample_waveform(waveform, rate_hz, 16000), 20)


@pytest.mark.parametrize("rate_hz", [*RATES_HZ, 44101])
def test_a_stream_without_audio_ends_empty(rate_hz):
    for packets in ([], [torch.zeros(0)]):
        resampler = make_stream_resampler(rate_hz, 16000)
        for packet in packets:
            assert not resampler.resample(packet, is_last=False).numel()
        assert not resampler.resample(torch.zeros(0), is_last=True).numel()


def test_packets_come_out_soon_and_the_past_is_let_go():
    """A period of 44.1 kHz lasts 10 ms, and the filter reaches 2 ms."""
    resampler = make_stream_resampler(44100, 16000)
    num_out = 0
    for number in range(1, 101):
        num_out += resampler.resample(torch.randn(4410), is_last=False).numel()
        assert num_out >= 1600 * number - 2 * 160
        assert resampler._samples.numel() <= 4410 + 5 * 441


def test_rates_without_a_common_factor_are_resampled_at_any_cut():
    waveform = torch.randn(44101)
    whole = resample_waveform(waveform, 44101, 16000)
    for packet in (1000, 44101):
        parts = resample_packets(make_stream_resampler(44101, 16000), waveform, packet)
        resampled = torch.cat(parts)
        assert abs(resampled.numel() - whole.numel()) <= 1
        error = (resampled[:15000] - whole[:15000]).abs().max().item()
        assert error < 1e-3
