"""sherpa-onnx with a decoding graph finds the text of moeasr's own search."""

import random
import sys

import numpy as np
import pytest
import torch
from fusion_scores import TEXTS, word_model

from moeasr.decode.ctc.prefix_beam import ctc_prefix_beam_search
from moeasr.decode.fusion.build_fusion import build_fusion
from moeasr.decode.fusion.config import FusionConfig
from moeasr.errors import InputError
from moeasr.export.graph.sherpa_decoder import sherpa_texts
from moeasr.export.graph.write_graph import write_graph
from moeasr.text.arpa import write_arpa
from moeasr.text.build_tokenizer import build_tokenizer

SILENCE = np.zeros(16000, dtype=np.float32)


@pytest.fixture
def packages():
    for name in ("kaldifst", "sherpa_onnx"):
        pytest.importorskip(name, reason=f"the optional package {name} is not installed")


def write_config(folder):
    write_arpa(word_model(2), folder / "lm.arpa")
    (folder / "phrases.txt").write_text("AB BA\t1.5\nABBA C\nBA\t0.25\n")
    return FusionConfig(lm=folder / "lm.arpa", lm_weight=0.7, context=folder / "phrases.txt")


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


@pytest.mark.slow
def test_sherpa_finds_what_the_prefix_search_finds(packages, tmp_path):
    config = write_config(tmp_path)
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
        assert sherpa_texts(tmp_path, [SILENCE], 16000) == [tokenizer.decode(found.tokens)]
        num_changed += found.tokens != without.tokens
    assert num_changed > 3


def test_missing_and_damaged_files_are_named(packages, tmp_path):
    """sherpa-onnx would end the process, or crash."""
    for name in ("model.onnx", "tokens.txt", "graph.fst"):
        with pytest.raises(InputError, match=f"model folder .* has no {name}"):
            sherpa_texts(tmp_path, [SILENCE], 16000)
        (tmp_path / name).touch()
    write_graph(tmp_path, build_tokenizer(TEXTS, "char"), write_config(tmp_path))
    (tmp_path / "graph.fst").write_bytes((tmp_path / "graph.fst").read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"graph\.fst is damaged or is not a decoding graph"):
        sherpa_texts(tmp_path, [SILENCE], 16000)


def test_without_sherpa_a_sentence_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(InputError, match=r"needs the package sherpa-onnx.*\.\[deploy\]"):
        sherpa_texts(tmp_path, [], 16000)
