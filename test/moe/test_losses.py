"""Routing losses at their analytic values."""

import math

import pytest
import torch
from own_parts.entropy import negative_entropy

from moeasr.errors import InputError
from moeasr.moe.losses import (
    ROUTING_LOSSES,
    find_routing_loss,
    mean_importance_loss,
    sparsity_l1_loss,
    sum_routing_loss,
    switch_balance_loss,
)
from moeasr.nn.routing import Routing


def untold(routing):
    return routing.probs.sum()


class Loss:
    def __init__(self, routing: Routing) -> None:
        self.routing = routing


def told(routing: Routing) -> torch.Tensor:
    return routing.probs.sum()


def test_a_loss_is_found_by_its_name_or_its_import_path():
    assert find_routing_loss("z") is ROUTING_LOSSES["z"]
    assert find_routing_loss(f"{__name__}.told") is told


def per_expert(routing: Routing) -> torch.Tensor:
    return routing.probs.mean(dim=0)


def number(routing: Routing) -> torch.Tensor:
    return 1.0


def test_layers_are_summed_and_a_loss_must_be_one_number():
    routings = [routing_of(torch.randn(5, 4)) for _ in range(3)]
    torch.testing.assert_close(
        sum_routing_loss("z", routings), sum(ROUTING_LOSSES["z"](r) for r in routings)
    )
    for loss in (per_expert, number):
        path = f"{__name__}.{loss.__name__}"
        with pytest.raises(InputError, match=f"'{path}' must return a tensor without dimensions"):
            sum_routing_loss(path, routings)


def test_all_losses_are_finite_where_experts_have_no_probability():
    """Routers by group give the experts of other groups a probability of 0."""
    for loss in (*ROUTING_LOSSES.values(), negative_entropy):
        logits = torch.full((5, 4), -1e4)
        logits[:, :2] = torch.randn(5, 2)
        value = loss(routing_of(logits.requires_grad_()))
        value.backward()
        assert value.isfinite() and logits.grad.isfinite().all()


@pytest.mark.parametrize("path", [f"{__name__}.untold", f"{__name__}.Loss", "os.path.join"])
def test_only_functions_of_a_routing_are_losses(path):
    name = path.rpartition(".")[2]
    sentence = (
        rf"^`routing_losses`: '{path}' must be a function of a Routing alone, .*: `def {name}"
    )
    with pytest.raises(InputError, match=sentence):
        find_routing_loss(path)


def routing_of(logits, k=1):
    probs = logits.softmax(dim=-1)
    weights, ids = probs.topk(k, dim=-1)
    return Routing(ids, weights, logits, probs)


def one_hot(experts, num_experts):
    """Return logits whose softmax is one-hot."""
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


BY_HAND = {
    "sparsity_l1": (1 / math.sqrt(0.3) + 1 / 0.6) / 2,  # norms sqrt(0.3) and sqrt(0.36)
    "mean_importance": 4 * (0.45**2 + 0.2**2 + 0.25**2 + 0.1**2),  # of the mean probabilities
    "switch_balance": 4 * (0.5 * 0.45 + 0.25 * 0.2 + 0.25 * 0.25),  # assignments 2, 1, 1, 0 of 4
    "z": (1.0**2 + 3.0**2) / 2,
}


@pytest.mark.parametrize("name", ROUTING_LOSSES)
def test_two_experts_for_each_of_two_frames_give_what_a_hand_works_out(name):
    probs = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.5, 0.1, 0.3, 0.1]], dtype=torch.float64)
    log_sum_exp = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    loss = ROUTING_LOSSES[name](routing_of(probs.log() + log_sum_exp, k=2))
    assert math.isclose(loss, BY_HAND[name], rel_tol=1e-12)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("name", ROUTING_LOSSES)
def test_every_loss_is_a_mean_over_frames_whose_gradient_is_that_of_differences(name, k):
    logits = torch.randn(10, 4, dtype=torch.float64, requires_grad=True)
    once = ROUTING_LOSSES[name](routing_of(logits, k))
    twice = ROUTING_LOSSES[name](routing_of(torch.cat((logits, logits)), k))
    torch.testing.assert_close(once, twice, rtol=0, atol=1e-12)
    # The assignments of the switch loss do not change under differences this small.
    assert torch.autograd.gradcheck(lambda x: ROUTING_LOSSES[name](routing_of(x, k)), logits)
