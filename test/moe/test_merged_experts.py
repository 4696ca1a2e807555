"""Experts that are merged to one for each utterance."""

import pytest
import torch
from systems import vary

from moeasr.moe.layer import MoeConfig
from moeasr.moe.merged_experts import MergedExperts
from moeasr.nn.feed_forward import Stack
from moeasr.nn.valid_frames import find_valid_frames

D, M, E = 6, 10, 4
LENS = torch.tensor([5, 8, 1])
EXACT = {"rtol": 0, "atol": 1e-12}
CONFIG = MoeConfig(
    hidden_units=M,
    num_experts=E,
    router="utterance",
    merge=True,
    experts_per_frame=1,
    expert_weights="full",
)


def make_layer(**settings):
    return vary(CONFIG.build(Stack(D, **{"dropout": 0.0, **settings})).double())


def slow_twin(layer, x):
    """The outputs of one utterance (T, D), by a loop over its experts."""
    shares = (layer.router.weight @ x.mean(dim=0)).softmax(dim=0)
    w1, b1, w2, b2 = (
        sum(p * w for p, w in zip(shares, own)) for own in zip(*layer.experts.weights())
    )
    return torch.nn.functional.silu(x @ w1.T + b1) @ w2.T + b2


@pytest.fixture
def x():
    return torch.randn(3, 8, D, dtype=torch.float64)


def test_outputs_and_gradients_are_those_of_a_loop(x):
    layer = make_layer()
    assert isinstance(layer.experts, MergedExperts)
    found = layer(x.requires_grad_(), find_valid_frames(LENS, 8))[0]
    wanted = [slow_twin(layer, x[b, :length]) for b, length in enumerate(LENS.tolist())]
    loss, other = found.square().sum(), sum(y.square().sum() for y in wanted)
    for b, y in enumerate(wanted):
        torch.testing.assert_close(found[b, : len(y)], y, **EXACT)
        assert not found[b, len(y) :].any()
    inputs = [x, *layer.parameters()]
    for ours, theirs in zip(torch.autograd.grad(loss, inputs), torch.autograd.grad(other, inputs)):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_equal_experts_are_one_of_them(x):
    layer, valid = make_layer(), find_valid_frames(LENS, 8)
    for parameter in layer.experts.parameters():
        parameter.data.copy_(parameter.data[:1].expand_as(parameter))
    x_ND = valid.take(x)
    wanted = valid.put(layer.experts.run_expert(layer.experts.weights()[0], x_ND))
    torch.testing.assert_close(layer(x, valid)[0], wanted, **EXACT)


def test_dropout_is_in_the_hidden_layer(x):
    """A rate of 1 leaves the last bias, which is 3 in all experts."""
    layer = make_layer(dropout=1.0)
    torch.nn.init.constant_(layer.experts.b2, 3.0)
    lens = torch.tensor([8, 8, 8])
    dropped = layer(x, find_valid_frames(lens, 8))[0]
    torch.testing.assert_close(dropped, torch.full_like(x, 3.0), **EXACT)
    assert (layer.eval()(x, find_valid_frames(lens, 8))[0] - 3.0).abs().min() > 1e-6


def test_products_are_rounded_in_autocast_but_outputs_keep_their_type(x):
    layer, valid = make_layer().float(), find_valid_frames(LENS, 8)
    exact = layer(x.float(), valid)[0].detach()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = layer(x.float(), valid)[0]
    assert rounded.dtype == torch.float32 and not torch.equal(rounded, exact)
    bits = 2**-8 * float(exact.abs().max())  # of bfloat16
    torch.testing.assert_close(rounded, exact, rtol=0, atol=8 * bits)
