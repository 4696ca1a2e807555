"""Quantisation of the matrix products in an ONNX file to 8-bit integers."""

import ast
import logging
from collections.abc import Collection
from pathlib import Path

from torch import nn

from moeasr.moe.router import Router
from moeasr.nn.unquantized_linear import UnquantizedLinear

SCOPES = "pkg.torch.onnx.name_scopes"
"""Key under which the exporter notes the path of the module that an operator belongs to."""


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
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = onnx.load(source).graph
    matrices = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 2}
    excluded = []
    for node in graph.node:
        scopes = {entry.key: entry.value for entry in node.metadata_props}.get(SCOPES, "[]")
        is_delicate = bool(set(ast.literal_eval(scopes)) & set(unquantized))
        # Encodings of positions may be constants too, of four dimensions, but they are no weights.
        if node.op_type in ("MatMul", "Gemm") and (is_delicate or node.input[1] not in matrices):
            # The quantiser renames a Gemm before it looks at this list.
            excluded += [node.name, f"{node.name}_MatMul"]
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
        )
    finally:
        logging.root.setLevel(level)
