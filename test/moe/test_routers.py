"""Routers."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.moe.routers import TopKRouter


@pytest.fixture
def x():
    return torch.randn(20, 6, dtype=torch.float64)


def test_selected_weights_are_the_softmax_of_the_selected_logits(x):
    router = TopKRouter(6, 5, 2, "selected").double()
    routing = router(x)
    for n in range(20):
        logits = router.weight @ x[n]
        best = sorted(range(5), key=lambda e: -logits[e].item())[:2]
        assert routing.expert_ids[n].tolist() == best
        expected = logits[best].softmax(dim=0)
        torch.testing.assert_close(routing.expert_weights[n], expected, rtol=0, atol=1e-12)
    ones = torch.ones(20, dtype=torch.float64)
    torch.testing.assert_close(routing.expert_weights.sum(dim=1), ones, rtol=0, atol=1e-12)


def test_full_weights_are_shares_of_the_softmax_over_all_experts(x):
    router = TopKRouter(6, 5, 2, "full").double()
    routing = router(x)
    probs = (x @ router.weight.T).softmax(dim=1)
    expected, ids = probs.topk(2, dim=1)
    assert torch.equal(routing.expert_ids, ids)
    torch.testing.assert_close(routing.expert_weights, expected, rtol=0, atol=1e-12)


def test_both_weightings_choose_the_same_experts(x):
    selected, full = TopKRouter(6, 5, 3, "selected"), TopKRouter(6, 5, 3, "full")
    full.load_state_dict(selected.state_dict())
    assert torch.equal(selected(x.float()).expert_ids, full(x.float()).expert_ids)


def test_top_1_over_all_experts_has_a_router_gradient(x):
    router = TopKRouter(6, 5, 1, "full").double()
    router(x).expert_weights.sum().backward()
    assert router.weight.grad.abs().sum() > 0


def test_top_1_over_the_selected_expert_cannot_learn_and_is_refused():
    with pytest.raises(InputError, match="zero gradient"):
        TopKRouter(6, 5, 1, "selected")


def test_a_single_expert_is_allowed_with_either_weighting(x):
    for weighting in ("selected", "full"):
        weights = TopKRouter(6, 1, 1, weighting).double()(x).expert_weights
        assert torch.equal(weights, torch.ones(20, 1, dtype=torch.float64))


@pytest.mark.parametrize("experts_per_frame", [0, 6])
def test_k_outside_its_range_is_refused(experts_per_frame):
    with pytest.raises(InputError, match="between 1 and num_experts"):
        TopKRouter(6, 5, experts_per_frame, "full")


def test_logits_are_float32_under_autocast():
    router = TopKRouter(6, 5, 2, "selected")
    x = torch.randn(8, 6)
    with torch.autocast("cpu", torch.bfloat16):
        routing = router(x)
    assert routing.logits.dtype == torch.float32
    assert torch.equal(routing.logits, router(x).logits)


def test_fresh_routers_do_not_collapse_onto_few_experts():
    ids = TopKRouter(64, 8, 2, "selected")(torch.randn(4000, 64)).expert_ids
    share = torch.bincount(ids.flatten(), minlength=8) / ids.numel()
    assert share.min() > 0.5 / 8 and share.max() < 2 / 8
