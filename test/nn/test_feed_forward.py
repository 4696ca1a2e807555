"""The dense feed-forward."""

import torch

from moeasr.nn.feed_forward import DenseFeedForward


def test_is_two_layers_with_silu_and_has_no_routing():
    module = DenseFeedForward(4, 6, dropout=0.0).double()
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    y, routing = module(x, torch.ones(2, 3, dtype=torch.bool))
    hidden = x @ module.w1.weight.T + module.w1.bias
    expected = (hidden * hidden.sigmoid()) @ module.w2.weight.T + module.w2.bias
    assert routing is None
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
