"""The simulated clock of a stream, in which audio arrives in real time."""

import pytest
import torch
from made_up_streams import Clock, FakeStream

from moeasr.decode.live.playback import Playback
from moeasr.errors import InputError


def test_processing_waits_for_the_audio_and_for_earlier_processing():
    stream = FakeStream()
    playback = Playback(stream, 1000, packet_sec=0.1, clock=Clock([0.01, 0.25, 0.01, 0.02]))
    timed = list(playback.run([torch.arange(250.0)]))
    assert [len(packet) for packet in stream.packets] == [100, 100, 50]
    assert torch.equal(torch.cat(stream.packets), torch.arange(250.0))
    # Packets arrive at 0.1, 0.2 and 0.25 s. Processing of the second packet ends at 0.45 s and
    # delays the third.
    assert [item.shown_sec for item in timed] == pytest.approx([0.45, 0.46, 0.48])
    assert [item.result.text for item in timed] == ["aa", "aaa", "aaaa"]
    assert playback.busy_sec == pytest.approx(0.29)


def test_packets_without_a_sample_are_refused():
    with pytest.raises(InputError, match="a packet must have at least one sample at 16000 Hz"):
        Playback(FakeStream(), 16000, packet_sec=0.0)
