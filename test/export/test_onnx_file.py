"""Files hold all inputs of their graph, the metadata, and no notes of the exporter."""

import pytest
import torch
from torch import nn

from moeasr.export import onnx_file
from moeasr.export.onnx_file import strip_notes, write_onnx


class Sum(nn.Module):
    """A graph one of whose inputs has no effect."""

    input_names = ("x", "unused")
    output_names = ("y",)

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(3, 2)

    def forward(self, x, unused):
        return self.project(x).sum(dim=0)

    def example(self):
        return torch.randn(4, 3), torch.tensor([1])

    def dynamic_shapes(self):
        return {0: torch.export.Dim("T", min=1)}, None


@pytest.mark.slow
def test_a_file_keeps_unused_inputs_metadata_and_results(tmp_path):
    import numpy as np
    import onnxruntime

    path, graph = tmp_path / "sum.onnx", Sum().eval()
    write_onnx(graph, path, {"vocab_size": 9, "comment": "für"})
    before = path.stat().st_size
    strip_notes(path)
    assert path.stat().st_size < before
    session = onnxruntime.InferenceSession(path)
    assert session.get_modelmeta().custom_metadata_map == {"vocab_size": "9", "comment": "für"}
    assert [node.name for node in session.get_inputs()] == ["x", "unused"]
    x = torch.randn(7, 3)
    (y,) = session.run(None, {"x": x.numpy(), "unused": np.array([5])})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(y), graph(x, None))
    assert [found.name for found in tmp_path.iterdir()] == ["sum.onnx"]  # the weights are inside


@pytest.mark.slow
def test_large_weights_are_in_the_data_file(tmp_path, monkeypatch):
    import numpy as np
    import onnxruntime

    path, graph = tmp_path / "sum.onnx", Sum().eval()
    graph.project = nn.Linear(300, 2)
    monkeypatch.setattr(graph, "example", lambda: (torch.randn(4, 300), torch.tensor([1])))
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 300 * 2 * 4)  # the bias is above
    write_onnx(graph, path, {"vocab_size": 9})
    strip_notes(path)
    data = tmp_path / "sum.onnx.data"
    assert sorted(tmp_path.iterdir()) == [path, data] and data.stat().st_size >= 2400
    assert path.stat().st_size < 2400
    (tmp_path / "moved").mkdir()
    for file in (path, data):
        file.rename(tmp_path / "moved" / file.name)
    session = onnxruntime.InferenceSession(tmp_path / "moved" / path.name)
    x = torch.randn(7, 300)
    (y,) = session.run(None, {"x": x.numpy(), "unused": np.array([5])})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(y), graph(x, None))
