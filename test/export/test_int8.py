"""Quantised files, and the layers that stay in float32."""

import pytest
from systems import make_system

from moeasr.export.int8 import quantize_file, unquantized_paths
from moeasr.export.offline_graph import OfflineGraph
from moeasr.export.onnx_file import write_onnx
from moeasr.export.onnx_outputs import offline
from moeasr.export.sliced_experts import slice_experts


def graph(system="u2pp_moe"):
    return OfflineGraph(slice_experts(make_system(system).float().eval())).eval()


def test_routers_output_layers_and_the_front_end_stay():
    paths = unquantized_paths(graph())
    assert "model.encoder.blocks.1.feed_forward.router" in paths
    assert {"model.ctc.project", "model.encoder.subsampling.project"} <= paths
    assert not any("experts" in path or "attention" in path for path in paths)


def test_an_output_layer_that_the_encoder_shares_stays_under_both_of_its_paths():
    paths = unquantized_paths(graph("self_conditioned"))
    assert {"model.ctc.project", "model.encoder.conditioning.ctc.project"} <= paths


@pytest.mark.slow
def test_experts_become_8_bit_integers_and_routers_do_not(tmp_path):
    import numpy as np
    import onnx

    path, int8 = tmp_path / "model.onnx", tmp_path / "model.int8.onnx"
    module = graph()
    write_onnx(module, path, {"vocab_size": 9})
    quantize_file(path, int8, unquantized_paths(module))
    model = onnx.load(int8)
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    experts = [kind for name, kind in kinds.items() if "experts.0.w" in name and "quant" in name]
    assert experts and set(experts) == {onnx.TensorProto.INT8}
    # two macaron and two other MoE layers, the front end and CTC keep a product in float32;
    # attention multiplies two activations
    floats = [
        n for n in model.graph.node if n.op_type in ("MatMul", "Gemm") and n.input[1] in kinds
    ]
    assert len(floats) == 6
    feats = np.random.default_rng(0).normal(6, 3, (83, 20)).astype("f")
    exact, rounded = (offline(file, 9)(feats) for file in (path, int8))
    assert 0 < np.abs(np.exp(exact) - np.exp(rounded)).max() < 0.2
