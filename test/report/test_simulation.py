"""The results of a simulated test set."""

import pytest
import torch

from moeasr.decode.config import DecodeConfig
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.playback import SimulatedUtterance
from moeasr.models.build import ParamCounts
from moeasr.report.simulation import write_simulation


class FakeStreaming:
    """A recogniser whose units are letters."""

    class recognizer:
        class tokenizer:
            decode = staticmethod(lambda tokens: " ".join(map(chr, tokens)))

        times = staticmethod(lambda hypothesis: None)
        info = {"commit": "abc"}
        device = torch.device("cpu")
        params = ParamCounts(total=16, active=9)
        precision = "fp32"

    mode = "attention"
    config = DecodeConfig(chunk_size=4)


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
    assert lines == [
        "real-time factor 0.2000, features included",
        "first partial latency, s: mean 0.125, p50 0.125, p90 0.125, p95 0.125, max 0.125",
        "final latency, s: mean 0.250, p50 0.250, p90 0.250, p95 0.250, max 0.250",
    ]
    mode_dir = tmp_path / "attention_chunk4_stream"
    assert (mode_dir / "text").read_text() == "u1 A B\nu2 C\n"
    assert '"packet_ms": 20' in (mode_dir / "decode.json").read_text()
