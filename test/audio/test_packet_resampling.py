"""Resampling by soxr, packet by packet."""

import numpy as np
import pytest
import soxr

from moeasr.audio.packet_resampling import QUALITY, PacketResampler


@pytest.mark.parametrize("rate_hz", [8000, 44100])
def test_packets_give_the_whole_signal(rate_hz):
    samples = np.random.default_rng(0).standard_normal(rate_hz).astype(np.float32)
    resample = PacketResampler(rate_hz, 16000)
    packets = np.array_split(samples, 13)
    found = [resample(packet, number == 12) for number, packet in enumerate(packets)]
    whole = soxr.resample(samples, rate_hz, 16000, QUALITY)
    assert np.concatenate(found) == pytest.approx(whole, abs=1e-3)


def test_the_same_rate_changes_nothing():
    samples = np.arange(3.0)
    assert PacketResampler(8000, 8000)(samples, True) is samples
