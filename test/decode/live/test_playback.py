"""The clock of a simulated stream: sound comes at its own speed, work takes what it takes."""

import pytest
import torch

from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.playback import (
    Playback,
    SimulatedUtterance,
    _spread,
    describe_simulation,
    simulate_test_set,
    simulate_utterance,
)
from moeasr.decode.live.stream import StreamResult
from moeasr.decode.searches import DecodeConfig
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import ParamCounts

QUANTILES = ("p50", "p90", "p95", "max")


class Clock:
    """Goes forward by what the next piece of work takes."""

    def __init__(self, durations):
        self.durations = iter(durations)
        self.now = 0.0
        self.is_start = True

    def __call__(self):
        if not self.is_start:
            self.now += next(self.durations)
        self.is_start = not self.is_start
        return self.now


def result(text, is_final=False):
    frames = tuple(range(3, 3 + len(text)))
    nbest = [Hypothesis(tokens=(5,) * len(text), score=0.0, frames=frames)] if is_final else ()
    return StreamResult(text, "", is_final, 0.0, 0.0, nbest)


class FakeStream:
    """Says something new after each packet."""

    def __init__(self):
        self.packets = []

    def accept(self, samples):
        self.packets.append(samples)
        return [result("a" * len(self.packets))] if len(self.packets) > 1 else []

    def finish(self):
        return [result("aaaa", is_final=True)]


def test_work_waits_for_the_sound_and_for_earlier_work():
    stream = FakeStream()
    playback = Playback(stream, 1000, packet_sec=0.1, clock=Clock([0.01, 0.25, 0.01, 0.02]))
    timed = list(playback.run(torch.arange(250.0)))
    assert [len(packet) for packet in stream.packets] == [100, 100, 50]
    assert torch.equal(torch.cat(stream.packets), torch.arange(250.0))
    # heard at 0.1, 0.2, 0.25 s; the work on the second packet ends at 0.45 s and delays the third
    assert [item.shown_sec for item in timed] == pytest.approx([0.45, 0.46, 0.48])
    assert [item.result.text for item in timed] == ["aa", "aaa", "aaaa"]
    assert playback.busy_sec == pytest.approx(0.29)


class FakeStreaming:
    """Opens such streams, of a model with frames of 30 ms at 8000 Hz."""

    class recognizer:
        fbank = FbankConfig(sample_rate_hz=8000, high_freq_hz=3800)
        info = {"commit": "abc"}
        device = torch.device("cpu")
        params = ParamCounts(total=16, active=9)
        precision = "fp32"

    frame_sec = 0.03
    mode = "ctc_greedy_search"
    config = DecodeConfig(chunk_size=4)

    def __init__(self):
        self.languages = []

    def open(self, language):
        self.languages.append(language)
        return FakeStream()


def test_latencies_of_an_utterance(monkeypatch):
    monkeypatch.setattr(Playback.__init__, "__defaults__", (0.1, Clock([0.01] * 99)))
    streaming = FakeStreaming()
    done = simulate_utterance(streaming, torch.zeros(8000), 0.1, language=1)
    assert streaming.languages == [1]
    # shown after the second packet; the first unit is in frame 3, which ends at 0.12 s
    assert done.first_partial_latency_sec == pytest.approx(0.21 - 0.12)
    assert done.final_latency_sec == pytest.approx(0.02)  # the last packet's work, and the end's
    assert done.audio_sec == 1.0
    assert done.busy_sec == pytest.approx(0.11)


def test_the_first_utterance_of_a_test_set_is_streamed_twice(monkeypatch):
    """Calls take 10 ms each, those of the warm-up 1 s."""
    durations = [1.0] * 11 + [0.01] * 99
    monkeypatch.setattr(Playback.__init__, "__defaults__", (0.1, Clock(durations)))
    streaming = FakeStreaming()
    waveforms = [("b", torch.zeros(8000), 0), ("a", torch.zeros(4000), 1)]
    done = simulate_test_set(streaming, waveforms, 0.1)
    assert streaming.languages == [0, 0, 1]
    assert list(done) == ["b", "a"]
    busy_sec = [utterance.busy_sec for utterance in done.values()]
    assert busy_sec == pytest.approx([0.11, 0.06])


def test_a_test_set_is_described_as_a_whole():
    streaming = FakeStreaming()
    utterances = {
        "a": SimulatedUtterance((), 1.0, 0.5, 0.3, 0.1),
        "b": SimulatedUtterance((), 3.0, 0.25, None, 0.2),
    }
    found = describe_simulation(streaming, utterances)
    assert (found["mode"], found["chunk_size"], found["beam_size"]) == (streaming.mode, 4, None)
    assert (found["audio_sec"], found["wall_sec"], found["num_utts"]) == (4.0, 0.75, 2)
    assert found["rtf"] == 0.75 / 4.0
    assert found["rtf_includes_features"] is True
    assert found["first_partial_latency_sec"] == dict.fromkeys(("mean", *QUANTILES), 0.3)
    final = dict(zip(("mean", *QUANTILES), (0.15, 0.1, 0.2, 0.2, 0.2)))
    assert found["final_latency_sec"] == pytest.approx(final)
    assert (found["total_params"], found["active_params"], found["commit"]) == (16, 9, "abc")
    assert describe_simulation(streaming, {})["rtf"] == 0.0


def test_percentiles_are_by_nearest_rank():
    spread = _spread([0.1 * n for n in range(20, 0, -1)])
    assert spread == pytest.approx({"mean": 1.05, "p50": 1.0, "p90": 1.8, "p95": 1.9, "max": 2.0})
    assert _spread([]) == {}


def test_packets_without_a_sample_are_refused():
    with pytest.raises(InputError, match="packets must last at least one sample at 16000 Hz"):
        Playback(FakeStream(), 16000, packet_sec=0.0)
