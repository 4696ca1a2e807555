"""Quantised files, and the layers that stay in float32."""

import numpy as np
import pytest
import torch
from systems import make_system
from torch import nn

from moeasr.export.int8 import column_scales, quantize_file, quantize_matrix, unquantized_paths
from moeasr.export.offline_graph import OfflineGraph
from moeasr.export.onnx_file import strip_notes, write_onnx
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
@pytest.mark.parametrize(
    ("system", "num_floats"),
    # The front end, CTC and the router of each MoE layer keep a product in float32: four layers, or
    # the two of the second block and the head that chooses groups.
    [("u2pp_moe", 6), ("learned_group", 5)],
)
def test_experts_become_8_bit_integers_and_routers_do_not(tmp_path, system, num_floats):
    import onnx

    path, int8 = tmp_path / "model.onnx", tmp_path / "model.int8.onnx"
    module = graph(system)
    write_onnx(module, path, {"vocab_size": 9})
    quantize_file(path, int8, unquantized_paths(module))
    model = onnx.load(int8)
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    experts = [kind for name, kind in kinds.items() if "experts.0.w" in name and "quant" in name]
    assert experts and set(experts) == {onnx.TensorProto.INT8}
    floats = [
        n for n in model.graph.node if n.op_type in ("MatMul", "Gemm") and n.input[1] in kinds
    ]
    assert len(floats) == num_floats
    feats = np.random.default_rng(0).normal(6, 3, (83, 20)).astype("f")
    exact, rounded = (offline(file, 9)(feats) for file in (path, int8))
    assert 0 < np.abs(np.exp(exact) - np.exp(rounded)).max() < 0.2


class Products(nn.Module):
    """Products of frames and of rows, two of which have the same input, and two the same matrix."""

    input_names, output_names = ("x",), ("y", "z")

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 6), nn.Linear(6, 8)
        self.third, self.fourth = nn.Linear(8, 8, bias=False), nn.Linear(8, 8)
        self.fourth.weight = self.third.weight
        with torch.no_grad():
            self.second.weight[3] = 0.0

    def forward(self, x):
        y = self.second(self.first(x).relu())
        return y, self.third(x[0]) + self.fourth(x[0]) + self.fourth(y[0])

    def example(self):
        return (torch.randn(2, 5, 8),)

    def dynamic_shapes(self):
        return ({1: torch.export.Dim("T", min=1)},)


@pytest.mark.slow
def test_results_are_those_of_the_quantiser_of_onnxruntime(tmp_path):
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    torch.manual_seed(0)
    path, own, theirs = (tmp_path / f"{name}.onnx" for name in ("float", "own", "theirs"))
    graph = Products().eval()
    write_onnx(graph, path, {"vocab_size": 9})
    strip_notes(path)  # the shapes in it would disturb their quantiser
    quantize_file(path, own, [])
    products = ["MatMul", "Gemm"]
    settings = {"weight_type": QuantType.QInt8, "op_types_to_quantize": products}
    quantize_dynamic(path, theirs, per_channel=True, reduce_range=True, **settings)
    x = torch.randn(2, 7, 8).numpy()
    (y, z), expected, exact = (
        onnxruntime.InferenceSession(file).run(None, {"x": x}) for file in (own, theirs, path)
    )
    assert np.array_equal(y, expected[0]) and np.array_equal(z, expected[1])
    assert not np.array_equal(y, exact[0]) and np.allclose(y, exact[0], atol=0.1)
    metadata = onnxruntime.InferenceSession(own).get_modelmeta().custom_metadata_map
    assert metadata == {"vocab_size": "9"}


def test_integers_times_scales_are_the_nearest_multiples():
    weight = np.array([[64.0, 0.0, -0.5], [-31.4, 0.0, 0.26]], np.float32)
    scales = column_scales(weight)
    assert scales.tolist() == [1.0, 1.0, np.float32(0.5 / 64)]
    assert quantize_matrix(weight).tolist() == [[64, 0, -64], [-31, 0, 33]]


@pytest.mark.slow
def test_sums_do_not_overflow_on_any_processor(tmp_path):
    """The largest products of all, which onnxruntime adds in 16 bits on some processors."""
    import onnxruntime

    path, int8 = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    graph = Products().eval()
    with torch.no_grad():
        for layer in (graph.third, graph.fourth):
            layer.weight.fill_(1.0)
    write_onnx(graph, path, {"vocab_size": 9})
    quantize_file(path, int8, [])
    x = torch.ones(2, 7, 8).numpy()
    exact, found = (
        onnxruntime.InferenceSession(file).run(["z"], {"x": x})[0] for file in (path, int8)
    )
    np.testing.assert_allclose(found, exact, atol=0.02 * np.abs(exact).max())
