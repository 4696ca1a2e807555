"""Low-rank updates against their formula, and states with merged updates."""

import copy

import pytest
import torch
from rounding import assert_close
from torch import nn

from moeasr.low_rank import LowRankUpdate, add_update, merge_updates


def linear(inputs=6, outputs=5):
    return nn.Linear(inputs, outputs, dtype=torch.float64)


def vary(module):
    with torch.no_grad():
        for update in module.modules():
            if isinstance(update, LowRankUpdate):
                nn.init.normal_(update.up)
    return module


def test_an_update_is_0_at_first_and_then_the_scaled_product():
    x = torch.randn(4, 6, dtype=torch.float64)
    module = linear()
    before, weight = module(x), module.weight.detach().clone()
    add_update(module, "weight", rank=2, alpha=6.0)
    assert torch.equal(module(x), before)
    update = vary(module).parametrizations.weight[0]
    assert update.up.shape == (5, 2) and update.down.shape == (2, 6)
    expected = before + 3.0 * ((x @ update.down.T) @ update.up.T)
    assert_close(module(x), expected, steps=20, dtype=torch.float64)
    assert torch.equal(module.parametrizations.weight.original, weight)


def test_the_weight_is_frozen_and_the_update_learns():
    module = linear()
    add_update(module, "weight", rank=2, alpha=2.0)
    vary(module)(torch.randn(4, 6, dtype=torch.float64)).sum().backward()
    trained = {name for name, p in module.named_parameters() if p.grad is not None}
    assert trained == {"bias", "parametrizations.weight.0.up", "parametrizations.weight.0.down"}


def test_each_weight_of_a_stack_has_an_update_of_its_own():
    """The twin is one update for each matrix."""
    stack = nn.ParameterList([torch.randn(3, 5, 6, dtype=torch.float64)])
    one = LowRankUpdate(stack[0], rank=2, alpha=2.0)
    nn.init.normal_(one.up)
    assert one.up.shape == (3, 5, 2) and one.down.shape == (3, 2, 6)
    for expert, weight in enumerate(stack[0]):
        expected = weight + one.up[expert] @ one.down[expert]
        assert_close(one(stack[0])[expert], expected, steps=4, dtype=torch.float64)


def test_a_merged_state_is_that_of_a_plain_module_with_equal_outputs():
    model = nn.Sequential(linear(), nn.LayerNorm(5, dtype=torch.float64), linear(5, 5))
    plain = copy.deepcopy(model)
    add_update(model[0], "weight", rank=2, alpha=1.0)
    state = merge_updates(vary(model).state_dict())
    assert state.keys() == plain.state_dict().keys()
    plain.load_state_dict(state)
    x = torch.randn(4, 6, dtype=torch.float64)
    assert torch.equal(plain(x), model(x))


def test_a_state_without_updates_is_unchanged():
    normed = nn.utils.parametrizations.weight_norm(linear())
    orthogonal = nn.utils.parametrizations.orthogonal(linear())
    for module in (linear(), normed, orthogonal):
        state = module.state_dict()
        merged = merge_updates(state)
        assert merged.keys() == state.keys()
        assert all(merged[name] is state[name] for name in state)


def test_a_weight_that_modules_share_remains_one_tensor(tmp_path):
    shared = linear(5, 5)
    model = nn.ModuleList([shared, shared])
    add_update(shared, "weight", rank=2, alpha=1.0)
    torch.save(model.state_dict(), tmp_path / "state.pt")
    merged = merge_updates(torch.load(tmp_path / "state.pt"))
    assert list(merged) == ["0.bias", "0.weight", "1.bias", "1.weight"]
    assert merged["0.weight"] is merged["1.weight"]


@pytest.mark.parametrize("alpha", [2.0, 10.0])
def test_autocast_does_not_round_the_update(alpha):
    module = linear().float()
    add_update(module, "weight", rank=3, alpha=alpha)
    exact = vary(module).weight
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module.weight, exact)


def test_updates_have_shapes_on_the_meta_device():
    """Programs that check or plan a training build models without values."""
    layer = nn.Linear(5, 3, device="meta")
    add_update(layer, "weight", rank=2, alpha=1.0)
    assert layer.weight.shape == (3, 5) and layer.weight.is_meta
