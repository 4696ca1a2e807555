"""A linear layer that stays in float32 when a model is quantised."""

import torch
from torch import nn

from moeasr.nn.unquantized_linear import UnquantizedLinear


def test_it_is_a_linear_layer_of_the_same_weights():
    layer, plain = UnquantizedLinear(4, 3), nn.Linear(4, 3)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(5, 4)
    assert torch.equal(layer(x), plain(x))
