"""The interface of routers: selections, weights and settings that are refused."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.moe.router import (
    Router,
    check_selection,
    linear_scores,
    new_router_weight,
    select_top_k,
)

LOGITS = torch.tensor([[0.1, 0.4, 0.2, 0.3], [0.5, 0.25, 0.125, 0.125]], dtype=torch.float64).log()


@pytest.mark.parametrize(
    ("k", "weighing", "expected"),
    [
        (2, "selected", [[4 / 7, 3 / 7], [2 / 3, 1 / 3]]),
        (2, "full", [[0.4, 0.3], [0.5, 0.25]]),
        (1, "full", [[0.4], [0.5]]),
        (1, "one", [[1.0], [1.0]]),
    ],
)
def test_weights_of_the_chosen_experts_by_hand(k, weighing, expected):
    routing = select_top_k(LOGITS, k, weighing)
    assert routing.expert_ids.tolist() == [[1, 3][:k], [0, 1][:k]]
    torch.testing.assert_close(routing.expert_weights, torch.tensor(expected).double())
    torch.testing.assert_close(routing.probs, LOGITS.exp())


@pytest.mark.parametrize(
    ("num_experts", "k", "weighing", "message"),
    [
        (4, 0, "full", r"must be between 1 and the number of experts \(4\), but is 0"),
        (4, 5, "full", r"must be between 1 and the number of experts \(4\), but is 5"),
        (4, 1, "selected", "gives the router a zero gradient"),
        (4, 2, "one", "`expert_weights: one` needs `experts_per_frame: 1`, but it is 2"),
    ],
)
def test_selections_that_cannot_work_are_refused(num_experts, k, weighing, message):
    with pytest.raises(InputError, match=message):
        check_selection(num_experts, k, weighing)
    check_selection(1, 1, "selected")


def test_scores_keep_32_bits_in_autocast():
    weight, x = new_router_weight(3, 8).detach(), torch.randn(5, 8)
    with torch.autocast("cpu", torch.bfloat16):
        scores = linear_scores(x, weight)
    assert scores.dtype == torch.float32
    assert torch.equal(scores, x @ weight.T)
    assert linear_scores(x.double(), weight).dtype == torch.float64


def test_the_defaults_of_the_base_class():
    router = Router()
    assert router.learns and router.has_gradient and not router.reacts
    assert router.context is None and router.macs_per_frame is None
    assert not router.weights_sum_to_one
    router.react(torch.ones(3))
