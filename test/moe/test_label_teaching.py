"""Routing by labels in training, and the loss that teaches it to routers."""

import pytest
import torch
from rounding import assert_close

from moeasr.moe.label_teaching import label_log_probs, label_of_experts, route_by_labels
from moeasr.moe.router import select_top_k

LOGITS = torch.tensor(
    [[3.0, 1.0, 0.5, 2.0], [0.0, 0.2, 0.1, -0.3], [1.0, 4.0, 2.0, 0.0]], dtype=torch.float64
)


def told(weight, labels=(1, 0, 1), num_experts_used=2, expert_weights="selected"):
    """Route `LOGITS` with a weight of labels, each of which has two of the four experts."""
    weights = torch.tensor([[weight * (label == n) for n in range(2)] for label in labels])
    free = select_top_k(LOGITS, num_experts_used, expert_weights)
    return route_by_labels(free, weights.double(), expert_weights), free


@pytest.mark.parametrize(
    ("num_experts", "num_labels", "owners"),
    [(4, 2, [0, 0, 1, 1]), (5, 2, [0, 0, 0, 1, 1]), (3, 3, [0, 1, 2])],
)
def test_every_label_has_about_equally_many_experts(num_experts, num_labels, owners):
    found = label_of_experts(num_experts, num_labels, torch.device("cpu"))
    assert found.tolist() == owners


@pytest.mark.parametrize("expert_weights", ["selected", "full"])
def test_weight_1_routes_to_the_experts_of_the_label_as_if_there_were_no_others(expert_weights):
    routing, free = told(1.0, expert_weights=expert_weights)
    assert routing.expert_ids.sort(dim=1).values.tolist() == [[2, 3], [0, 1], [2, 3]]
    for n, first in enumerate([2, 0, 2]):
        own = LOGITS[n, first : first + 2].softmax(dim=0).sort(descending=True).values
        assert_close(routing.expert_weights[n], own, steps=16, dtype=torch.float64)
    assert routing.logits is free.logits and routing.probs is free.probs


@pytest.mark.parametrize("weight", [0.25, 0.75])
def test_a_weight_between_mixes_the_shares_with_those_among_the_experts_of_the_label(weight):
    routing, free = told(weight, num_experts_used=4, expert_weights="full")
    for n, label in enumerate([1, 0, 1]):
        p = free.probs[n].tolist()
        own = p[2 * label] + p[2 * label + 1]
        for expert, found in zip(routing.expert_ids[n].tolist(), routing.expert_weights[n]):
            expected = (1 - weight) * p[expert] + weight * p[expert] / own * (expert // 2 == label)
            assert float(found) == pytest.approx(expected, rel=1e-14)


def test_weight_0_and_unknown_labels_change_nothing():
    for routing, free in (told(0.0), told(1.0, labels=(-1, -1, -1))):
        assert torch.equal(routing.expert_ids, free.expert_ids)
        assert torch.equal(routing.expert_weights, free.expert_weights)


def test_a_frame_with_more_experts_than_its_label_has_a_weight_near_0_for_the_others():
    routing, _ = told(1.0, num_experts_used=3)
    assert routing.expert_ids[:, 2].tolist() == [0, 2, 1]  # the best of the others
    assert (routing.expert_weights[:, 2] < 1e-30).all()
    assert routing.expert_weights.isfinite().all()


@pytest.mark.parametrize("gap", [40.0, 50.0, 90.0, 110.0, 1000.0])
@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_a_label_whose_experts_have_hardly_any_share_is_taught(gap, weight):
    """The shares of experts 2 and 3 underflow in float32, their relation does not."""
    logits = torch.tensor([[gap, 0.0, 0.0, 0.5]], requires_grad=True)
    free = select_top_k(logits, 4, "full")
    routing = route_by_labels(free, torch.tensor([[0.0, weight]]), "full")
    expected = (1 - weight) * logits.softmax(dim=1)
    expected[:, 2:] += weight * logits[:, 2:].softmax(dim=1)
    assert_close(routing.weights_by_expert(), expected, steps=8, scale=gap)  # of the logits
    (gradient,) = torch.autograd.grad(routing.expert_weights[:, 0].sum(), logits)
    assert gradient.isfinite().all()


def test_the_loss_is_the_share_of_all_experts_of_the_label():
    free = select_top_k(LOGITS.clone().requires_grad_(), 2, "selected")
    found = label_log_probs(free, torch.tensor([1, 0, 1]), num_labels=2)
    expected = [free.probs[n, 2 * g : 2 * g + 2].sum().log() for n, g in enumerate([1, 0, 1])]
    assert_close(found, torch.stack(expected), steps=16, dtype=torch.float64)
    found.sum().backward()  # finite, although the other experts are masked
