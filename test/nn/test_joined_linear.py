"""Joined linear layers equal the layers, and compute one product for each input."""

import pytest
import torch
from torch import nn

from moeasr.nn import joined_linear
from moeasr.nn.joined_linear import join_linear
from moeasr.nn.packed_linear import PRECISIONS, PackedLinear

ERROR = {"fp32": 1e-6, "bf16": 6e-3, "int8": 2e-2}


def make(precision="fp32"):
    torch.manual_seed(0)
    layers = [nn.Linear(40, size) for size in (8, 24, 16)]
    return layers, join_linear(layers, precision)


@pytest.mark.parametrize("precision", PRECISIONS)
@torch.inference_mode()
def test_each_part_is_its_layer(precision):
    layers, parts = make(precision)
    for shape in ((5,), (2, 3)):
        x = torch.randn(*shape, 40)
        for layer, part in zip(layers, parts):
            assert part.precision == precision
            error = (part(x) - layer(x)).norm() / layer(x).norm()
            assert error < ERROR[precision]


@torch.inference_mode()
def test_any_order_of_calls_and_inputs():
    layers, parts = make()
    first, second = torch.randn(2, 5, 40)
    for index, x in [(0, first), (2, second), (1, first), (1, first), (0, first), (2, first)]:
        torch.testing.assert_close(parts[index](x), layers[index](x))


@torch.inference_mode()
def test_one_product_for_each_input_which_is_then_forgotten(monkeypatch):
    calls = []

    class Counted(PackedLinear):
        def forward(self, x):
            calls.append(x)
            return super().forward(x)

    monkeypatch.setattr(joined_linear, "PackedLinear", Counted)
    layers, parts = make()
    x = torch.randn(5, 40)
    for part in parts:
        part(x)
    assert len(calls) == 1
    x.mul_(2)  # the same tensor, but other values
    for layer, part in zip(layers, parts):
        torch.testing.assert_close(part(x), layer(x))
    assert len(calls) == 2
