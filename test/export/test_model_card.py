"""The model card names the model, its results and working commands."""

import pytest

from moeasr.deploy.model_folder import ChunkSizes
from moeasr.export.checked_export import FileReport
from moeasr.export.dev_set import DevSet
from moeasr.export.difference import Difference
from moeasr.export.model_card import model_card
from moeasr.features.fbank_config import FbankConfig
from moeasr.yaml_text import parse_yaml

REPORT = FileReport("model.onnx", 12.34, 5.678, 100, 0.01234, Difference())
DEV = DevSet("dev", [("u1", None)], {"u1": "a"}, 90.0, None, 16000)


def test_results_and_commands_are_filled_in(recognizer):
    card = model_card(
        recognizer, ChunkSizes(chunk_size=8, num_left_chunks=4), DEV, [REPORT], "apache-2.0", [], []
    )
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "# tiny\n" in card
    assert "on `dev` (1 utterance, 1.5 minutes)" in card
    assert "| `model.onnx` | 12.3 MB | 5.68 % | 0.0123 |" in card
    assert "--wenet-ctc-chunk-size=8 --wenet-ctc-num-left-chunks=4" in card
    assert 'from_wenet_ctc("model.int8.onnx", "tokens.txt")' in card
    assert "--sample-rate" not in card and "from 20 to 7600 Hz" in card
    assert "chunks of 8 encoder frames (320 ms)" in card


def test_a_licence_is_a_text_of_yaml(recognizer):
    card = model_card(recognizer, None, DEV, [REPORT], "CC: BY", [], [])
    assert parse_yaml(card.split("---")[1])["license"] == "CC: BY"


@pytest.mark.parametrize("example", [None, ("a", None)])
def test_commands_name_a_recording_that_exists(recognizer, monkeypatch, example):
    monkeypatch.setattr(DevSet, "example", lambda self: example)
    sizes = ChunkSizes(chunk_size=8, num_left_chunks=4)
    card = model_card(recognizer, sizes, DEV, [REPORT], "unknown", [], [])
    counts = [card.count(name) for name in ("a.wav", "test.wav")]
    assert counts == ([4, 0] if example is None else [0, 4])


def test_commands_for_another_sample_rate_name_it(make_recognizer, tmp_path):
    fbank = FbankConfig(sample_rate_hz=8000, high_freq_hz=3600.0)
    telephone = make_recognizer(tmp_path / "a.pt", fbank=fbank)
    sizes = ChunkSizes(chunk_size=8, num_left_chunks=4)
    card = model_card(telephone, sizes, DEV, [REPORT], "unknown", [], [])
    assert 'from_wenet_ctc("model.int8.onnx", "tokens.txt", sample_rate=8000)' in card
    assert card.count("--sample-rate=8000 --tokens=tokens.txt") == 2
    assert (
        "from 20 to 3600 Hz, which sherpa-onnx computes by default\nfrom audio at 8000 Hz" in card
    )


def test_a_model_without_streaming_files_does_not_mention_them(recognizer):
    card = model_card(recognizer, None, DEV, [REPORT], "unknown", [], [])
    assert "streaming" not in card and "zipformer" not in card
    assert "data file" not in card


def test_data_files_are_named(recognizer):
    names = ["decoder.onnx.data", "model.onnx.data"]
    card = model_card(recognizer, None, DEV, [REPORT], "unknown", names, [])
    assert "in the\nsame folder: `decoder.onnx.data`, `model.onnx.data`.\n\n## Run it" in card


def test_a_model_that_sherpa_onnx_cannot_run_has_no_commands_for_it(recognizer):
    limits = ["its features differ", "it drops letters"]
    sizes = ChunkSizes(chunk_size=8, num_left_chunks=4)
    card = model_card(recognizer, sizes, DEV, [REPORT], "unknown", [], limits)
    assert "sherpa-onnx cannot run this model: its features differ; it drops letters.\n" in card
    assert "import sherpa_onnx" not in card and "--wenet-ctc" not in card
    assert 'moeasr.load("this folder")' in card and "library_name: onnx\n" in card
