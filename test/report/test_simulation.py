"""A simulated test set: latencies of each utterance, and the summary of all."""

import pytest
import torch
from made_up_streams import Clock, FakeStream

from moeasr.decode.config import DecodeConfig
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.playback import Playback
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import ParamCounts
from moeasr.report.simulation import (
    LATENCIES,
    SimulatedUtterance,
    _spread,
    describe_simulation,
    simulate_test_set,
    simulate_utterance,
    write_simulation,
)

QUANTILES = ("p50", "p90", "p95", "max")


class FakeStreaming:
    """A recogniser that opens such streams, with frames of 30 ms at 8000 Hz."""

    class recognizer:
        class tokenizer:
            decode = staticmethod(lambda tokens: " ".join(map(chr, tokens)))

        times = staticmethod(lambda hypothesis: None)
        fbank = FbankConfig(sample_rate_hz=8000, high_freq_hz=3800)
        info = {"commit": "abc"}
        device = torch.device("cpu")
        params = ParamCounts(total=16, active=9)
        precision = "fp32"
        experts_per_frame = None

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
    streaming, waveforms = (
        FakeStreaming(),
        [("b", torch.zeros(8000), 0), ("a", torch.zeros(4000), 1)],
    )
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


@pytest.mark.parametrize("scored", [True, False])
def test_the_directory_and_the_lines(tmp_path, scored):
    done = {
        utt: SimulatedUtterance([Hypothesis(tokens=tokens, score=0.0)], 2.0, busy, first, 0.25)
        for utt, tokens, busy, first in [("u1", (65, 66), 0.5, None), ("u2", (67,), 0.3, 0.125)]
    }
    refs = {"u1": "A B", "u2": "C D"} if scored else None
    lines = write_simulation(tmp_path, FakeStreaming(), done, refs, {"packet_ms": 20})
    if scored:
        assert lines.pop(0).startswith("%WER 25.00 [ 1 / 4")
    partial, final = LATENCIES.values()
    assert lines == [
        "0.2000 s of computing per second of audio, with filter banks",
        f"{partial}: mean 0.125, p50 0.125, p90 0.125, p95 0.125, max 0.125",
        f"{final}: mean 0.250, p50 0.250, p90 0.250, p95 0.250, max 0.250",
    ]
    mode_dir = tmp_path / "ctc_greedy_search_chunk4_stream"
    assert (mode_dir / "text").read_text() == "u1 A B\nu2 C\n"
    assert '"packet_ms": 20' in (mode_dir / "decode.json").read_text()
