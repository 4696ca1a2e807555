"""The dense feed-forward."""

import math

import pytest
import torch
from dropped import RATES, assert_dropped

from moeasr.nn.feed_forward import ACTIVATIONS, DenseFeedForward
from moeasr.nn.valid_frames import all_frames_valid


@pytest.mark.parametrize(
    ("activation", "formula"),
    [("silu", lambda hidden: hidden * hidden.sigmoid()), ("relu", lambda h: h.clamp(min=0))],
)
def test_is_two_layers_with_an_activation_and_has_no_routing(activation, formula):
    module = DenseFeedForward(4, 6, 0.0, ACTIVATIONS[activation]).double()
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    y, routing = module(x, all_frames_valid(2, 3))
    hidden = x @ module.w1.weight.T + module.w1.bias
    expected = formula(hidden) @ module.w2.weight.T + module.w2.bias
    assert routing is None
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rate", RATES)
def test_hidden_units_are_dropped_at_the_rate_in_training_only(rate):
    module = DenseFeedForward(50, 50, rate).double()
    with torch.no_grad():  # every hidden unit is silu(1), and an output is its own hidden unit + 5
        module.w1.weight.zero_()
        module.w1.bias.fill_(1.0)
        module.w2.weight.copy_(torch.eye(50))
        module.w2.bias.fill_(5.0)
    x, valid = (
        torch.randn(2, 40, 50, dtype=torch.float64),
        all_frames_valid(2, 40),
    )
    active = 1 / (1 + math.exp(-1))
    assert_dropped(module(x, valid)[0] - 5.0, rate, active)
    evaluated = module.eval()(x, valid)[0]
    torch.testing.assert_close(evaluated, torch.full_like(x, 5.0 + active), rtol=0, atol=1e-12)
