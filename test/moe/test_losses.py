"""Routing losses at their analytic values."""

import math

import pytest
import torch

from moeasr.moe.losses import (
    ROUTING_LOSSES,
    mean_importance_loss,
    sparsity_l1_loss,
    switch_balance_loss,
    z_loss,
)
from moeasr.nn.routing import Routing


def routing_of(logits, k=1):
    probs = logits.softmax(dim=-1)
    weights, ids = probs.topk(k, dim=-1)
    return Routing(ids, weights, logits, probs)


def one_hot(experts, num_experts):
    """Logits so sure that the softmax is one-hot."""
    logits = torch.full((len(experts), num_experts), -1e4, dtype=torch.float64)
    logits[range(len(experts)), experts] = 0.0
    return routing_of(logits)


@pytest.mark.parametrize("num_experts", [2, 4, 8])
def test_sparsity_l1_is_1_when_one_hot_and_sqrt_e_when_uniform(num_experts):
    uniform = routing_of(torch.zeros(6, num_experts, dtype=torch.float64))
    sure = one_hot([0, 1, 1, 0], num_experts)
    assert math.isclose(sparsity_l1_loss(sure), 1.0, abs_tol=1e-12)
    assert math.isclose(sparsity_l1_loss(uniform), math.sqrt(num_experts), abs_tol=1e-12)


@pytest.mark.parametrize("num_experts", [2, 4, 8])
def test_mean_importance_is_1_when_balanced_and_e_when_collapsed(num_experts):
    balanced = one_hot(list(range(num_experts)) * 3, num_experts)
    collapsed = one_hot([1] * 7, num_experts)
    assert math.isclose(mean_importance_loss(balanced), 1.0, abs_tol=1e-12)
    assert math.isclose(mean_importance_loss(collapsed), num_experts, abs_tol=1e-12)


def test_switch_balance_is_1_when_balanced_and_e_when_collapsed():
    assert math.isclose(switch_balance_loss(one_hot([0, 1, 2, 3], 4)), 1.0, abs_tol=1e-12)
    assert math.isclose(switch_balance_loss(one_hot([2, 2, 2, 2], 4)), 4.0, abs_tol=1e-12)


def test_z_loss_is_the_squared_logsumexp():
    zeros = routing_of(torch.zeros(3, 4, dtype=torch.float64))
    assert math.isclose(z_loss(zeros), math.log(4) ** 2, abs_tol=1e-12)


@pytest.mark.parametrize("name", ROUTING_LOSSES)
def test_every_loss_is_a_mean_over_frames_with_a_gradient_for_the_router(name):
    logits = torch.randn(10, 4, dtype=torch.float64, requires_grad=True)
    once = ROUTING_LOSSES[name](routing_of(logits, k=2))
    twice = ROUTING_LOSSES[name](routing_of(torch.cat((logits, logits)), k=2))
    torch.testing.assert_close(once, twice, rtol=0, atol=1e-12)
    once.backward()
    assert logits.grad.abs().sum() > 0
