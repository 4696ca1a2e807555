"""A whole export: files that sherpa-onnx runs, or nothing."""

import dataclasses
import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from known_files import ROOT

import moeasr
from moeasr.config import load_yaml
from moeasr.decode.config import DecodeConfig
from moeasr.deploy.model_folder import ChunkSizes
from moeasr.errors import InputError
from moeasr.export import checked_export as module
from moeasr.export import onnx_file
from moeasr.export.checked_export import FileReport, check_int8, export_model, warn_of_floor
from moeasr.export.dev_set import read_dev_set
from moeasr.export.difference import Difference

pytestmark = pytest.mark.slow
SIZES = ChunkSizes(chunk_size=4, num_left_chunks=2)
MODELS = ("model", "model.streaming", "model.zipformer")


@pytest.fixture(scope="module")
def exported(recognizer, dev_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "folder"
    dev_set = read_dev_set(dev_dir, recognizer, 10)
    reports, graph = export_model(recognizer, out, SIZES, dev_set, 100.0, "cc-by-4.0")
    assert graph is None
    return out, reports


def test_a_folder_is_complete(exported):
    out, _ = exported
    files = {f"{name}{kind}.onnx" for name in MODELS for kind in ("", ".int8")}
    texts = {"tokens.txt", "config.yaml", "README.md", "test.wav", "test.txt"}
    assert {path.name for path in out.iterdir()} == files | texts | {"decoder.onnx"}
    assert (out / "test.txt").read_text() == "ab cd\n"
    assert (out / "tokens.txt").read_text().startswith("<blank> 0\n<unk> 1\n<sos/eos> 2\na 3\n")
    config = load_yaml(out / "config.yaml")
    assert config["format"] == "moeasr-export-1"
    assert config["streaming"] == {"chunk_size": 4, "num_left_chunks": 2}
    assert config["tokenizer"]["units"][3:] == ["a", "b", "c", "d", "\u2581"]
    assert config["reverse_weight"] == 0.3 and config["has_decoder"]
    assert [path.name for path in out.parent.iterdir()] == ["folder"]


def test_every_file_was_measured_and_equals_the_checkpoint(exported):
    _, reports = exported
    assert [report.name for report in reports] == [
        f"{name}{kind}.onnx" for name in MODELS for kind in ("", ".int8")
    ]
    for report in reports[::2]:
        assert report.difference.largest < 1e-3 and report.difference.differing_texts == []
    assert "of 3 texts differ" in reports[0].line()


def test_every_frame_runs_its_experts_only(exported, tmp_path):
    """The rows of all experts' products of a layer, counted by onnxruntime: K times the frames."""
    import onnx
    import onnxruntime

    path = exported[0] / "model.onnx"
    first_layers = {  # node -> MoE layer
        node.name: weight.partition(".experts.")[0]
        for node in onnx.load(path).graph.node
        for weight in node.input
        if ".experts." in weight and weight.endswith(".w1")
    }
    assert len(first_layers) == 4  # one layer of four experts
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    feats = np.random.default_rng(0).normal(6, 3, (1, 150, 80)).astype(np.float32)
    _, _, enc = session.run(None, {"x": feats, "x_lens": np.array([150])})
    rows = 0
    for event in json.loads(Path(session.end_profiling()).read_text()):
        name = event["name"].removesuffix("_kernel_time")
        if name in first_layers and name != event["name"]:
            shape = event["args"]["input_type_shape"][0]["float"]
            rows += shape[0]
    assert rows == 2 * enc.shape[1]


@pytest.fixture
def written(exported, monkeypatch):
    """Let an export write the files of the folder that is there already, whatever the model."""
    out, _ = exported

    def copy(recognizer, folder, sizes):
        for name in ("model.onnx", "model.int8.onnx"):
            shutil.copy(out / name, folder)
        return ["model.onnx"]

    monkeypatch.setattr(module, "write_graphs", copy)


@pytest.mark.usefixtures("written")
def test_a_folder_with_a_file_that_differs_is_not_left_behind(make_recognizer, dev_dir, tmp_path):
    other = make_recognizer(tmp_path / "other.pt")
    dev_set = read_dev_set(dev_dir, other, 10)
    with pytest.raises(InputError, match=r"no model folder is written: .* of model\.onnx differ"):
        export_model(other, tmp_path / "out" / "folder", None, dev_set, 0.5, "unknown")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("written")
def test_int8_that_costs_too_much_accuracy_is_refused(recognizer, dev_dir, tmp_path, monkeypatch):
    dev_set = read_dev_set(dev_dir, recognizer, 10)
    measure = module._measure

    def measure_worse(recognizer, path, sizes, dev_set):
        found = measure(recognizer, path, sizes, dev_set)
        return dataclasses.replace(found, wer=found.wer + 50) if "int8" in path.name else found

    monkeypatch.setattr(module, "_measure", measure_worse)
    with pytest.raises(InputError, match=r"WER of model\.int8\.onnx is .*raise --max-int8-loss"):
        export_model(recognizer, tmp_path / "folder", None, dev_set, 0.5, "unknown")
    assert not (tmp_path / "folder").exists()


def report(name, wer, num_words=47):
    return FileReport(name, 1.0, wer, num_words, 0.01, Difference())


def test_one_more_error_is_never_too_many_for_int8():
    """In a dev set of 47 words, it is more than the limit of 0.5 percentage points."""
    exact = report("model.onnx", 100 * 12 / 47)
    check_int8(report("model.int8.onnx", 100 * 13 / 47), exact, 0.5)
    with pytest.raises(InputError, match=r"29\.79 %, but 25\.53 % .*\(2 more errors in 47 words\)"):
        check_int8(report("model.int8.onnx", 100 * 14 / 47), exact, 0.5)
    check_int8(report("model.int8.onnx", 100 * 14 / 47), exact, 5.0)
    check_int8(report("model.int8.onnx", 2.4, 1000), report("model.onnx", 2.0, 1000), 0.5)


def test_features_that_sherpa_onnx_cannot_hear_are_a_warning(caplog):
    warn_of_floor([report("model.onnx", 1.0), report("model.zipformer.onnx", 90.0)])
    warn_of_floor([report("model.streaming.onnx", 44.7), report("model.zipformer.onnx", 49.0)])
    assert not caplog.text
    warn_of_floor([report("model.streaming.onnx", 44.7), report("model.zipformer.onnx", 146.8)])
    assert "model.zipformer.onnx has 146.80 % WER where model.streaming.onnx has" in caplog.text


def test_sherpa_onnx_runs_all_three_files(exported, recognizer, dev_dir):
    """Its features have 80 mel bins; it computes those of whole recordings with random dither."""
    sherpa = pytest.importorskip("sherpa_onnx", reason="the extra `deploy` is not installed")
    out, _ = exported
    _, samples = read_dev_set(dev_dir, recognizer, 2).example()
    tokens = str(out / "tokens.txt")

    offline = sherpa.OfflineRecognizer.from_wenet_ctc(str(out / "model.onnx"), tokens)
    stream = offline.create_stream()
    stream.accept_waveform(16000, samples)
    offline.decode_stream(stream)
    streaming = {"chunk_size": SIZES.chunk_size, "num_left_chunks": SIZES.num_left_chunks}
    wenet = sherpa.OnlineRecognizer.from_wenet_ctc(
        tokens=tokens, model=str(out / "model.streaming.onnx"), **streaming
    )
    zipformer = sherpa.OnlineRecognizer.from_zipformer2_ctc(
        tokens=tokens, model=str(out / "model.zipformer.onnx")
    )
    texts = [stream.result.text, *(_streamed(online, samples) for online in (wenet, zipformer))]
    assert all(set(text) <= set("abcd ") for text in texts)
    assert texts[1] == texts[2] == _chunked_text(recognizer, samples) != ""


def test_the_oracle_finds_the_same_texts_in_all_interfaces(
    exported, checkpoint_path, dev_dir, monkeypatch, capsys
):
    """The C interface is one of them."""
    pytest.importorskip("sherpa_onnx", reason="the extra `deploy` is not installed")
    monkeypatch.syspath_prepend(ROOT / "tools/oracle")
    oracle = importlib.import_module("compare_with_sherpa")
    place = ["--folder", str(exported[0]), "--data-dir", str(dev_dir)]
    sizes = ["--sizes", "4/2", "2/3", "--num-streams", "3"]
    oracle.main(["--checkpoint", str(checkpoint_path), *place, *sizes, "--exact"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert len(rows) == 2 + 2 * 4 + 2
    in_c = "| online `zipformer2_ctc` in C, 3 streams | 4/2 | float32 |"
    assert sum(row.startswith(in_c) and row.endswith("| 0 of 3 |") for row in rows) == 1


def test_a_large_model_has_data_files(recognizer, dev_dir, tmp_path, monkeypatch):
    sherpa = pytest.importorskip("sherpa_onnx", reason="the extra `deploy` is not installed")
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 1000)
    out, dev_set = tmp_path / "folder", read_dev_set(dev_dir, recognizer, 10)
    reports, _ = export_model(recognizer, out, None, dev_set, 100.0, "unknown")
    sizes = {path.name: path.stat().st_size for path in out.glob("*.data")}
    assert sizes.keys() == {f"{name}.onnx.data" for name in ("model", "model.int8", "decoder")}
    assert load_yaml(out / "config.yaml")["data_bytes"] == sizes
    assert reports[0].size_mb > 1e-6 * sizes["model.onnx.data"]
    assert "`model.onnx.data`" in (out / "README.md").read_text()
    _, samples = dev_set.example()
    own = recognizer.recognize(
        [torch.from_numpy(dict(dev_set.feats)["u2"])], ["ctc_greedy_search"], DecodeConfig()
    )
    text = recognizer.text(own["ctc_greedy_search"][0][0])
    found = moeasr.load(out).transcribe(samples, sample_rate=16000, mode="ctc_greedy_search")
    assert found.text == text != ""
    assert moeasr.load(out, quantize="int8").transcribe(samples, sample_rate=16000).text
    for name in ("model.onnx", "model.int8.onnx"):
        offline = sherpa.OfflineRecognizer.from_wenet_ctc(str(out / name), str(out / "tokens.txt"))
        stream = offline.create_stream()
        stream.accept_waveform(16000, samples)
        offline.decode_stream(stream)
        assert set(stream.result.text) <= set("abcd ")


NOISE = np.random.default_rng(0).standard_normal(16000).astype(np.float32)


@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [
        (NOISE[:1], 16000),
        (NOISE[:160], 16000),  # 10 ms
        (np.zeros(16000, np.float32), 16000),
        (100 * NOISE, 16000),  # far above [-1, 1]
        (NOISE, 8000),
        (NOISE, 44100),
    ],
)
def test_sherpa_onnx_survives_odd_audio(exported, samples, rate_hz):
    """An exception would end a server with all its streams."""
    sherpa = pytest.importorskip("sherpa_onnx", reason="the extra `deploy` is not installed")
    out, tokens = exported[0], str(exported[0] / "tokens.txt")
    offline = sherpa.OfflineRecognizer.from_wenet_ctc(str(out / "model.onnx"), tokens)
    stream = offline.create_stream()
    stream.accept_waveform(rate_hz, samples)
    offline.decode_stream(stream)
    zipformer = sherpa.OnlineRecognizer.from_zipformer2_ctc(
        tokens=tokens, model=str(out / "model.zipformer.onnx")
    )
    assert stream.result.text == "" or len(samples) > 160
    assert isinstance(_streamed(zipformer, samples, rate_hz), str)


def _streamed(online, samples, rate_hz=16000):
    stream = online.create_stream()
    stream.accept_waveform(rate_hz, samples)
    stream.accept_waveform(rate_hz, np.zeros(rate_hz // 2, np.float32))
    stream.input_finished()
    while online.is_ready(stream):
        online.decode_stream(stream)
    return online.get_result(stream)


def _chunked_text(recognizer, samples):
    """The text of the checkpoint for the same samples with the same silence after them."""
    feats = recognizer.features(torch.from_numpy(np.append(samples, np.zeros(8000, np.float32))))
    chunks = (len(feats) - 4) // 16  # sherpa-onnx decodes a chunk when a frame after it is there
    config = DecodeConfig(chunk_size=SIZES.chunk_size, num_left_chunks=SIZES.num_left_chunks)
    found = recognizer.recognize([feats[: 16 * chunks + 3]], ["ctc_greedy_search"], config)
    return recognizer.text(found["ctc_greedy_search"][0][0])
