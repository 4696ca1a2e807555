"""Models that sherpa-onnx would load and recognise wrongly."""

import re

import numpy as np
import pytest
from known_graphs import OFFLINE, write_graph

from moeasr.export.sherpa_limits import sherpa_limits
from moeasr.features.fbank_config import FbankConfig

UNITS = ["<blank>", "<unk>", "<sos/eos>", "a", "\u2581"]


@pytest.mark.parametrize(
    "fbank",
    [
        FbankConfig(),
        FbankConfig(dither=1.0),
        FbankConfig(high_freq_hz=-400.0),
        FbankConfig(sample_rate_hz=8000, high_freq_hz=3600.0),
    ],
)
def test_features_of_sherpa_onnx_are_no_limit(fbank):
    assert sherpa_limits(fbank, UNITS) == []


@pytest.mark.parametrize(
    ("fbank", "reason"),
    [
        (FbankConfig(num_mel_bins=40), "its features have `num_mel_bins` 80, but .* the model 40"),
        (FbankConfig(snip_edges=True), "`snip_edges` False, but those of the model True"),
        (FbankConfig(high_freq_hz=0.0), "`high_freq_hz` 7600.0, but those of the model 8000.0"),
        (FbankConfig(window_type="hamming"), "`window_type` povey, but those of the model hamming"),
        (FbankConfig(frame_shift_ms=12.5), "`frame_shift_ms` 10.0, but those of the model 12.5"),
    ],
)
def test_other_features_are_named(fbank, reason):
    (found,) = sherpa_limits(fbank, UNITS)
    assert re.search(reason, found)


@pytest.mark.parametrize(
    ("units", "is_wrong"),
    [
        ([*UNITS[:4], "\u0180"], True),  # C6 80 in UTF-8
        ([*UNITS, "\u0180"], False),  # the word boundary has the larger byte E2
        ([*UNITS[:4], "\u01c0"], False),  # C7 80
        ([*UNITS[:4], "\u0100"], False),  # C4 80
    ],
)
def test_letters_that_are_taken_for_bytes_are_named(units, is_wrong):
    assert bool(sherpa_limits(FbankConfig(), units)) == is_wrong


@pytest.mark.parametrize(("letter", "text"), [("\u0100", "\u0100"), ("\u0180", "")])
def test_sherpa_onnx_drops_such_letters(tmp_path, letter, text):
    """The network finds the unit whose mel bin is the loudest; it has an output per bin."""
    sherpa = pytest.importorskip("sherpa_onnx", reason="the extra `deploy` is not installed")
    graph = OFFLINE.replace('"3"', '"80", "subsampling_factor": "1"')
    path = write_graph(tmp_path / "model.onnx", graph)
    units = ["<blk>", "<unk>", "<sos/eos>", *[letter] * 77]
    lines = "".join(f"{unit} {number}\n" for number, unit in enumerate(units))
    (tmp_path / "tokens.txt").write_text(lines, encoding="utf-8")
    recognizer = sherpa.OfflineRecognizer.from_wenet_ctc(str(path), str(tmp_path / "tokens.txt"))
    stream = recognizer.create_stream()
    tone = np.sin(2 * np.pi * 1000 / 16000 * np.arange(1600)).astype(np.float32)
    stream.accept_waveform(16000, tone)
    recognizer.decode_stream(stream)
    assert "".join(sorted(set(stream.result.text))) == text
