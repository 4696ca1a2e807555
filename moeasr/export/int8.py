"""Quantisation of the matrix products in an ONNX file to 8-bit integers."""

import ast
import logging
import math
from collections.abc import Collection
from pathlib import Path

from torch import nn

from moeasr.export import onnx_file
from moeasr.export.onnx_file import load_graph
from moeasr.moe.router import Router
from moeasr.nn.unquantized_linear import UnquantizedLinear

SCOPES = "pkg.torch.onnx.name_scopes"
"""Key under which the exporter notes the path of the module that an operator belongs to."""


def unquantized_paths(graph: nn.Module) -> set[str]:
    """Return the paths of the modules that stay in float32: routers, output layers, front ends.

    A rounding error in a router's scores would choose other experts. `UnquantizedLinear` explains
    the other layers.
    """
    return {
        path
        for path, module in graph.named_modules()
        if isinstance(module, (Router, UnquantizedLinear))
    }


def quantize_file(source: Path, target: Path, unquantized: Collection[str]) -> None:
    """Write a file whose matrix products with constant weights compute in 8-bit integers.

    Weights are quantised per column, activations per call by their range (dynamic quantisation).
    If they are large, they are written to a data file beside the new file.

    Args:
        source: An ONNX file in float32.
        target: The new file, with the same metadata.
        unquantized: Paths of modules whose products stay in float32.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = load_graph(source).graph
    num_values = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    matrices = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 2}
    excluded, quantized = [], set()
    for node in graph.node:
        scopes = {entry.key: entry.value for entry in node.metadata_props}.get(SCOPES, "[]")
        is_delicate = bool(set(ast.literal_eval(scopes)) & set(unquantized))
        if node.op_type not in ("MatMul", "Gemm"):
            continue
        # Encodings of positions may be constants too, of four dimensions, but they are no weights.
        if is_delicate or node.input[1] not in matrices:
            # The quantiser renames a Gemm before it looks at this list.
            excluded += [node.name, f"{node.name}_MatMul"]
        else:
            quantized.add(node.input[1])
    num_bytes = sum(num * (1 if name in quantized else 4) for name, num in num_values.items())
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # no advice to prepare the model first
    try:
        quantize_dynamic(
            source,
            target,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm"],
            nodes_to_exclude=excluded,
            use_external_data_format=num_bytes > onnx_file.MAX_BYTES,
        )
    finally:
        logging.root.setLevel(level)
