"""The dense feed-forward."""

import pytest
import torch

from moeasr.nn.feed_forward import ACTIVATIONS, DenseFeedForward


@pytest.mark.parametrize(
    ("activation", "formula"),
    [("silu", lambda hidden: hidden * hidden.sigmoid()), ("relu", lambda h: h.clamp(min=0))],
)
def test_is_two_layers_with_an_activation_and_has_no_routing(activation, formula):
    module = DenseFeedForward(4, 6, 0.0, ACTIVATIONS[activation]).double()
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    y, routing = module(x, torch.ones(2, 3, dtype=torch.bool))
    hidden = x @ module.w1.weight.T + module.w1.bias
    expected = formula(hidden) @ module.w2.weight.T + module.w2.bias
    assert routing is None
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
