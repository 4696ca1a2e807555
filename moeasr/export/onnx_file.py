"""Translation of a PyTorch module to an ONNX file with metadata."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from moeasr.deploy.model_folder import data_file

if TYPE_CHECKING:
    import onnx_ir

OPSET = 20
"""Version of the ONNX operators, which sherpa-onnx 1.10 and onnxruntime 1.20 can run."""
MAX_BYTES = 2_000_000_000
"""Largest size of the weights in an ONNX file, because the format ends at 2 GiB. Larger weights are
written to the data file beside it."""


class Graph(Protocol):
    """A module that can be translated to ONNX."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in their order."""
        ...

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in their order."""
        ...

    def example(self) -> tuple[Tensor, ...]:
        """Return inputs from which the graph is traced."""
        ...

    def dynamic_shapes(self) -> tuple[object, ...]:
        """Return the axes of the inputs whose size may vary."""
        ...


def write_onnx(graph: torch.nn.Module, path: Path, metadata: Mapping[str, int | str]) -> None:
    """Translate a module to ONNX and write it to a file, with its data file if it is large.

    Args:
        graph: A module in eval mode with the interface `Graph`.
        path: The file.
        metadata: Keys and values that runtimes, such as sherpa-onnx, read from the file.
    """
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph,
            graph.example(),
            dynamo=True,  # the older exporter drops inputs that no output depends on
            opset_version=OPSET,
            input_names=graph.input_names,
            output_names=graph.output_names,
            dynamic_shapes=graph.dynamic_shapes(),
            verbose=False,
        )
    model = program.model
    model.metadata_props.update({key: str(value) for key, value in metadata.items()})
    save_model(model, path)


def save_model(model: "onnx_ir.Model", path: Path) -> None:
    """Write a model to a file, with its weights in the data file if they are large."""
    import onnx_ir

    weights = [value.const_value for value in model.graph.initializers.values()]
    is_large = sum(weight.nbytes for weight in weights if weight is not None) > MAX_BYTES
    onnx_ir.save(model, path, external_data=data_file(path).name if is_large else None)


def strip_notes(path: Path) -> None:
    """Remove the exporter's notes about the origin of each operator, about a megabyte per file."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    del graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    onnx.save(model, path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's messages, which concern only its own packages and optimisations."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
