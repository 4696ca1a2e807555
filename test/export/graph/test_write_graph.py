"""Decoding graphs of model folders, and what sherpa-onnx decodes with them."""

import random

import pytest
import torch
from fusion_scores import TEXTS, fusion_score, random_units, word_model
from graph_paths import Paths

from moeasr.decode.ctc.prefix_beam import ctc_prefix_beam_search
from moeasr.decode.fusion.build_fusion import build_fusion
from moeasr.decode.fusion.config import FusionConfig
from moeasr.errors import InputError
from moeasr.export.graph.acceptor import label_of
from moeasr.export.graph.write_graph import fusion_acceptor, write_graph
from moeasr.text.arpa import write_arpa
from moeasr.text.build_tokenizer import build_tokenizer

PHRASES = "AB BA\t1.5\nABBA C\nBA\t0.25\n"


@pytest.fixture
def kaldifst():
    return pytest.importorskip("kaldifst", reason="the package kaldifst is not installed")


@pytest.fixture(params=["char", "bpe", "word"])
def tokenizer(request):
    return build_tokenizer(TEXTS, request.param, 12 if request.param == "bpe" else None)


@pytest.fixture
def config(tmp_path):
    write_arpa(word_model(2), tmp_path / "2gram.arpa.gz")
    (tmp_path / "phrases.txt").write_text(PHRASES)
    return FusionConfig(
        lm=tmp_path / "2gram.arpa.gz",
        lm_weight=0.7,
        word_bonus=0.5,
        context=tmp_path / "phrases.txt",
        context_score=2.0,
    )


def test_language_model_and_phrases_add_up(kaldifst, tokenizer, config):
    fusion = build_fusion(config, tokenizer)
    paths = Paths(fusion_acceptor(fusion))
    for units in random_units(tokenizer.vocab_size, random.Random(1), 60):
        score = paths.best([label_of(unit) for unit in units])
        assert score == pytest.approx(fusion_score(fusion, units), abs=1e-5)  # float32


def test_the_record_has_settings_and_size(kaldifst, tokenizer, config, tmp_path):
    record = write_graph(tmp_path / "model", tokenizer, config)
    path = tmp_path / "model" / "graph.fst"
    fst = kaldifst.StdVectorFst.read(str(path))
    assert record.num_states == fst.num_states
    assert record.num_arcs == sum(fst.num_arcs(state) for state in range(fst.num_states))
    assert record.num_bytes == path.stat().st_size
    assert record.settings == config.describe()
    labels = {arc.ilabel for s in range(fst.num_states) for arc in kaldifst.ArcIterator(fst, s)}
    assert labels - {0} == {label_of(unit) for unit in range(tokenizer.vocab_size) if unit != 2}


def test_a_graph_needs_a_language_model_or_phrases(kaldifst, tokenizer, tmp_path):
    with pytest.raises(InputError, match=r"needs a language model \(--lm\) or phrases"):
        write_graph(tmp_path, tokenizer, FusionConfig())
    assert list(tmp_path.iterdir()) == []


def test_files_that_do_not_fit_leave_no_graph(kaldifst, tmp_path):
    tokenizer = build_tokenizer(["ab ba c"], "char")
    write_arpa(word_model(2), tmp_path / "lm")
    (tmp_path / "phrases").write_text("AB\n")
    for setting, message in [
        ({"lm": tmp_path / "lm"}, r"lm: the model's units can spell no word of the language model"),
        ({"lm": tmp_path / "missing"}, r"language model .*missing: No such file"),
        ({"context": tmp_path / "phrases"}, r"phrases: all of them are phrases that the model's"),
    ]:
        with pytest.raises(InputError, match=message):
            write_graph(tmp_path / "model", tokenizer, FusionConfig(**setting))
    assert not (tmp_path / "model").exists()


def save_constant_model(folder, log_probs, units):
    """Write a model with the given output for any audio, and its tokens."""
    onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    outputs = {
        "log_probs": log_probs[None],
        "log_probs_lens": torch.tensor([len(log_probs)]),
    }
    nodes, infos = [], []
    for name, value in outputs.items():
        constant = numpy_helper.from_array(value.numpy())
        nodes.append(helper.make_node("Constant", [], [name], value=constant))
        infos.append(helper.make_tensor_value_info(name, constant.data_type, value.shape))
    inputs = [
        helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", "T", 80]),
        helper.make_tensor_value_info("x_lens", onnx.TensorProto.INT64, ["N"]),
    ]
    graph = helper.make_graph(nodes, "constant", inputs, infos)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    metadata = {"vocab_size": str(len(units)), "subsampling_factor": "4"}
    helper.set_model_props(model, metadata)
    onnx.save(model, folder / "model.onnx")
    lines = [f"{unit} {number}\n" for number, unit in enumerate(units)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")


def sherpa_text(sherpa, folder):
    """Return the text of sherpa-onnx, with the graph of the folder."""
    core = sherpa.lib._sherpa_onnx
    recognizer = core.OfflineRecognizer(
        core.OfflineRecognizerConfig(
            model_config=core.OfflineModelConfig(
                wenet_ctc=core.OfflineWenetCtcModelConfig(model=str(folder / "model.onnx")),
                tokens=str(folder / "tokens.txt"),
                num_threads=1,
            ),
            ctc_fst_decoder_config=core.OfflineCtcFstDecoderConfig(str(folder / "graph.fst")),
        )
    )
    stream = recognizer.create_stream()
    stream.accept_waveform(16000, torch.zeros(16000).numpy())
    recognizer.decode_stream(stream)
    return stream.result.text


@pytest.mark.slow
def test_sherpa_finds_what_the_prefix_search_finds(kaldifst, config, tmp_path):
    sherpa = pytest.importorskip("sherpa_onnx", reason="the package sherpa-onnx is not installed")
    tokenizer = build_tokenizer(TEXTS, "char")
    fusion = build_fusion(config, tokenizer)
    write_graph(tmp_path, tokenizer, config)
    generator, rng, num_changed = torch.Generator().manual_seed(1), random.Random(1), 0
    for _ in range(12):
        units = tokenizer.encode(" ".join(rng.choices(["AB", "BA", "ABBA", "C"], k=4)))
        frames = [frame for unit in units for frame in (unit, unit, 0)]
        scores = torch.randn(len(frames), tokenizer.vocab_size, generator=generator)
        scores[range(len(frames)), frames] += 3.5
        scores[:, 1:3] = -1e4  # <unk> and <sos/eos>, as in an exported model
        log_probs = (3 * scores).log_softmax(dim=1)
        save_constant_model(tmp_path, log_probs, tokenizer.units)
        lens = torch.tensor([len(frames)])
        found, without = (
            ctc_prefix_beam_search(log_probs[None], lens, 100, own)[0][0] for own in (fusion, None)
        )
        assert sherpa_text(sherpa, tmp_path).strip() == tokenizer.decode(found.tokens)
        num_changed += found.tokens != without.tokens
    assert num_changed > 3
