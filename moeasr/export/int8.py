"""Quantisation of the matrix products in an ONNX file to 8-bit integers.

Each product y = x W + b becomes y = (x_int8 W_int8) (scale of x) (scales of W) + b in ONNX
operators. The quantiser of onnxruntime writes the same operators and numbers, but holds three
copies of all weights in memory. Here, one matrix at a time is read from the file.
"""

import ast
import functools
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from moeasr.export.onnx_file import save_model
from moeasr.moe.router import Router
from moeasr.nn.unquantized_linear import UnquantizedLinear

if TYPE_CHECKING:
    import onnx_ir

SCOPES = "pkg.torch.onnx.name_scopes"
"""Key under which the exporter notes the path of the module that an operator belongs to."""
LARGEST = 64
"""Largest integer of a weight; the smallest one is its negative.

On processors without the instructions for 8-bit products (VNNI), onnxruntime adds two products in
16 bits. Inputs go up to 255, and 2 * 255 * 64 just fits; larger weights would overflow.
"""


def unquantized_paths(graph: nn.Module) -> set[str]:
    """Return the paths of the modules that stay in float32: routers, output layers, front ends.

    A rounding error in a router's scores would choose other experts. `UnquantizedLinear` explains
    the other layers. A module that several modules share has several paths.
    """
    return {
        path
        for path, module in graph.named_modules(remove_duplicate=False)
        if isinstance(module, (Router, UnquantizedLinear))
    }


def quantize_file(source: Path, target: Path, unquantized: Collection[str]) -> None:
    """Write a file whose matrix products with constant weights compute in 8-bit integers.

    Weights are quantised per column, activations per call by their range (dynamic quantisation).

    Args:
        source: An ONNX file in float32.
        target: The new file, with the same metadata.
        unquantized: Paths of modules whose products stay in float32.
    """
    import onnx_ir

    model = onnx_ir.load(source)
    quantizer = _Quantizer(model.graph)
    for node in list(model.graph):
        scopes = set(ast.literal_eval(node.metadata_props.get(SCOPES, "[]")))
        if _is_product(node) and not scopes & set(unquantized):
            quantizer.replace(node)
    for name, value in list(model.graph.initializers.items()):
        if not value.uses():  # a matrix in float32
            del model.graph.initializers[name]
    save_model(model, target)


def quantize_matrix(weight: np.ndarray) -> np.ndarray:
    """Return the integers (D, M) by which the scales of the columns are multiplied."""
    return np.rint(weight / column_scales(weight)).astype(np.int8)


def column_scales(weight: np.ndarray) -> np.ndarray:
    """Return the scale of each column of a matrix, (D, M) -> (M,)."""
    largest = np.abs(weight).max(axis=0, initial=0.0)
    scales = (largest.astype(np.float64) / LARGEST).astype(np.float32)
    scales[scales < np.finfo(np.float32).tiny] = 1.0  # a column of zeros
    return scales


def _is_product(node: "onnx_ir.Node") -> bool:
    """Return whether an operator multiplies its input by a constant matrix.

    Encodings of positions may be constants too, of four dimensions, but they are no weights.
    """
    weight = node.inputs[1].const_value if node.op_type in ("MatMul", "Gemm") else None
    return weight is not None and len(weight.shape) == 2


class _Quantizer:
    """The replacement of products in a graph.

    Args:
        graph: The graph.
    """

    def __init__(self, graph: "onnx_ir.Graph") -> None:
        self._graph = graph
        self._inputs: dict[onnx_ir.Value, onnx_ir.Node] = {}
        """The operator that quantises an input, which several products may use."""

    def replace(self, product: "onnx_ir.Node") -> None:
        """Replace `y = x W` or `y = x W + b` by its computation in integers."""
        import onnx_ir

        x, _, *bias = product.inputs
        if x not in self._inputs:
            self._inputs[x] = onnx_ir.node(
                "DynamicQuantizeLinear", [x], num_outputs=3, name=f"{x.name}_quantized"
            )
            self._graph.insert_before(product, self._inputs[x])
        x_integers, x_scale, x_zero = self._inputs[x].outputs
        integers, scales, zeros = self._weight(product)
        new = []

        def compute(operator: str, *inputs: onnx_ir.Value, **attributes: int) -> onnx_ir.Value:
            name = f"{product.name}_{operator}_{len(new)}"
            new.append(onnx_ir.node(operator, inputs, attributes, name=name))
            new[-1].outputs[0].name = f"{name}_output"
            return new[-1].outputs[0]

        total = compute("MatMulInteger", x_integers, integers, x_zero, zeros)
        total = compute("Cast", total, to=onnx_ir.DataType.FLOAT.value)
        y = compute("Mul", total, compute("Mul", x_scale, scales))
        if bias:
            y = compute("Add", y, bias[0])
        onnx_ir.convenience.replace_nodes_and_values(
            self._graph, product, [product], new, product.outputs, [y]
        )

    def _weight(self, product: "onnx_ir.Node") -> list["onnx_ir.Value"]:
        """Return the integers, scales and zero points of a product's matrix."""
        import onnx_ir

        weight = product.inputs[1]
        is_transposed = product.op_type == "Gemm" and product.attributes.get_int("transB", 0) == 1
        name = f"{weight.name}_transposed" if is_transposed else weight.name
        names = [f"{name}_{part}" for part in ("quantized", "scale", "zero_point")]
        if names[0] not in self._graph.initializers:
            matrix = functools.partial(_read, weight.const_value, is_transposed)
            # Computed when the file is written: no other matrix is in memory in float32.
            integers = onnx_ir.LazyTensor(
                lambda: onnx_ir.tensor(quantize_matrix(matrix())),
                onnx_ir.DataType.INT8,
                onnx_ir.Shape(matrix().shape),
                name=names[0],
            )
            scales = column_scales(matrix())
            self._add(integers, names[0])
            self._add(onnx_ir.tensor(scales), names[1])
            self._add(onnx_ir.tensor(np.zeros(scales.shape, np.int8)), names[2])
        return [self._graph.initializers[part] for part in names]

    def _add(self, tensor: "onnx_ir.TensorProtocol", name: str) -> None:
        """Add a constant to the graph."""
        import onnx_ir

        kind = onnx_ir.TensorType(tensor.dtype)
        value = onnx_ir.Value(name=name, shape=tensor.shape, type=kind, const_value=tensor)
        self._graph.register_initializer(value)


def _read(tensor: "onnx_ir.TensorProtocol", is_transposed: bool) -> np.ndarray:
    return tensor.numpy().T if is_transposed else tensor.numpy()
