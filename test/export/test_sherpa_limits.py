"""Models that sherpa-onnx would load and recognise wrongly."""

import re

import numpy as np
import pytest
from known_graphs import OFFLINE, write_graph

from moeasr.deploy.model_folder import symbols_of
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


def text_of_tones(folder, symbols, *tones_hz):
    """Return the text that sherpa-onnx makes of symbols.

    The network finds the unit whose mel bin is the loudest; it has an output per bin.
    """
    sherpa = pytest.importorskip("sherpa_onnx", reason="the extra `deploy` is not installed")
    graph = OFFLINE.replace('"3"', '"80", "subsampling_factor": "1"')
    path = write_graph(folder / "model.onnx", graph)
    lines = "".join(f"{symbol} {number}\n" for number, symbol in enumerate(symbols))
    (folder / "tokens.txt").write_text(lines, encoding="utf-8")
    recognizer = sherpa.OfflineRecognizer.from_wenet_ctc(str(path), str(folder / "tokens.txt"))
    stream = recognizer.create_stream()
    times = 2 * np.pi / 16000 * np.arange(8000)
    samples = np.concatenate([np.sin(tone * times) for tone in tones_hz]).astype(np.float32)
    stream.accept_waveform(16000, samples)
    recognizer.decode_stream(stream)
    return stream.result.text


@pytest.mark.parametrize(("letter", "text"), [("\u0100", "\u0100"), ("\u0180", "")])
def test_sherpa_onnx_drops_such_letters(tmp_path, letter, text):
    symbols = ["<blk>", "<unk>", "<sos/eos>", *[letter] * 77]
    assert "".join(sorted(set(text_of_tones(tmp_path, symbols, 1000)))) == text


def test_sherpa_onnx_puts_spaces_between_words(tmp_path):
    words = [f"{'LOW' if number < 40 else 'HIGH'}{number}" for number in range(3, 80)]
    symbols = symbols_of("word", ["<blank>", "<unk>", "<sos/eos>", *words])
    assert symbols[:4] == ["<blank>", "<unk>", "<sos/eos>", "\u2581LOW3"]
    text = text_of_tones(tmp_path, symbols, 500, 4000)
    assert re.fullmatch(r" ?(LOW\d+ )+(HIGH\d+ ?)+", text)
