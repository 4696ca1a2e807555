"""Routers that learn: scores, weights, noise and gradients."""

import math

import pytest
import torch
from torch.func import functional_call

from moeasr.errors import InputError
from moeasr.moe.balanced_router import BalancedRouter
from moeasr.moe.group_routers import LanguageRouter
from moeasr.moe.router import select_top_k
from moeasr.moe.top_k_routers import EmbeddingRouter, NoisyTopKRouter, TopKRouter


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


LEARNED = {
    "selected": lambda: TopKRouter(6, 4, 2, "selected"),
    "full": lambda: TopKRouter(6, 4, 1, "full"),
    "embedding": lambda: EmbeddingRouter(6, 2, 4, 1, "full"),
    "noisy": lambda: NoisyTopKRouter(6, 4, 2, "selected"),
    "language": lambda: LanguageRouter(6, 2, 4, 1, "full"),
    "balanced_selected": lambda: BalancedRouter(6, 4, 2, "selected"),
    "balanced_full": lambda: BalancedRouter(6, 4, 1, "full"),
}


@pytest.mark.parametrize("kind", LEARNED)
def test_frames_and_routers_learn_by_weights_probabilities_and_logits(kind):
    """The gradients are those of differences."""
    router = LEARNED[kind]().double()
    context = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], dtype=torch.float64)

    def route(x, *weights):
        torch.manual_seed(1)  # the same noise each time
        named = {name: w for (name, _), w in zip(router.named_parameters(), weights, strict=True)}
        routing = functional_call(router, named, (x, context))
        return torch.cat((routing.expert_weights, routing.probs, routing.logits), dim=1)

    frames = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(route, (frames, *router.parameters()))


def test_logits_of_a_fresh_router_are_as_large_as_its_inputs():
    """The mean square of 4096 weights is off by 5 deviations of sqrt(2 / 4096) at most."""
    for router in (TopKRouter(64, 64, 2, "full"), EmbeddingRouter(48, 16, 64, 1, "full")):
        size = float(router.weight.detach().square().mean()) * 64
        assert abs(size - 1) < 5 * math.sqrt(2 / 4096)


def test_top_1_over_the_selected_expert_cannot_learn_and_is_refused():
    with pytest.raises(InputError, match="zero gradient"):
        TopKRouter(6, 5, 1, "selected")


def test_a_single_expert_is_allowed_with_either_weighting(x):
    for weighting in ("selected", "full"):
        weights = TopKRouter(6, 1, 1, weighting).double()(x).expert_weights
        assert torch.equal(weights, torch.ones(20, 1, dtype=torch.float64))


@pytest.mark.parametrize("experts_per_frame", [0, 6])
def test_k_outside_its_range_is_refused(experts_per_frame):
    with pytest.raises(InputError, match="between 1 and the number of experts"):
        TopKRouter(6, 5, experts_per_frame, "full")


def test_logits_are_float32_under_autocast():
    router = TopKRouter(6, 5, 2, "selected")
    x = torch.randn(8, 6)
    with torch.autocast("cpu", torch.bfloat16):
        routing = router(x)
    assert routing.logits.dtype == torch.float32
    assert torch.equal(routing.logits, router(x).logits)
    low = x.bfloat16()  # what comes from a layer under autocast
    assert torch.equal(router(low).logits, router(low.float()).logits)


def test_fresh_routers_do_not_collapse_onto_few_experts():
    ids = TopKRouter(64, 8, 2, "selected")(torch.randn(4000, 64)).expert_ids
    share = torch.bincount(ids.flatten(), minlength=8) / ids.numel()
    assert share.min() > 0.5 / 8 and share.max() < 2 / 8


def test_speechmoes_router_scores_the_embedding_joined_to_the_frame(x):
    router = EmbeddingRouter(6, 3, 5, 1, "full").double()
    context = torch.randn(20, 3, dtype=torch.float64)
    routing = router(x, context)
    for n in range(20):
        logits = router.weight[:, :3] @ context[n] + router.weight[:, 3:] @ x[n]
        torch.testing.assert_close(routing.logits[n], logits, rtol=0, atol=1e-12)
        best = int(logits.argmax())
        assert routing.expert_ids[n].tolist() == [best]
        weight = logits.softmax(dim=0)[best]
        torch.testing.assert_close(routing.expert_weights[n, 0], weight, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="embedding network"):
        router(x)


def test_noise_has_the_learned_scale_in_training_and_none_in_evaluation(x):
    router = NoisyTopKRouter(6, 5, 2, "selected").double()
    clean = select_top_k(x @ router.weight.T, 2, "selected")
    assert torch.equal(router.eval()(x).logits, clean.logits)
    with torch.no_grad():
        router.noise_weight.copy_(torch.randn(5, 6))
    wide = x[:1].expand(20000, 6)
    noise = router.train()(wide).logits - wide @ router.weight.T
    expected = torch.nn.functional.softplus(router.noise_weight @ x[0])
    torch.testing.assert_close(noise.std(dim=0), expected, rtol=0.05, atol=0)
    torch.testing.assert_close(
        noise.mean(dim=0) / expected, torch.zeros(5).double(), rtol=0, atol=0.05
    )
    # Each expert has noise of its own: of 20000 draws a correlation of 0 is below 5 deviations.
    torch.testing.assert_close(
        torch.corrcoef(noise.T), torch.eye(5).double(), rtol=0, atol=5 / math.sqrt(20000)
    )


def test_noise_begins_equally_large_for_all_experts_and_frames(x):
    router = NoisyTopKRouter(6, 5, 2, "selected").double()
    noise = router(x.expand(1000, 20, 6).flatten(0, 1)).logits - x.repeat(1000, 1) @ router.weight.T
    # The deviation is softplus(0); of 20000 draws it is off by 5 deviations of 1 / 200 at most.
    torch.testing.assert_close(
        noise.std(dim=0), torch.full((5,), math.log(2)).double(), rtol=0.025, atol=0
    )


def test_a_weight_of_one_needs_a_single_expert_and_has_no_gradient():
    """This is meant for models of other toolkits. `selected` with K = 1 is refused as a mistake."""
    router, x = TopKRouter(6, 4, 1, "one"), torch.randn(9, 6)
    routing = router(x)
    assert torch.equal(routing.expert_weights, torch.ones(9, 1))
    assert torch.equal(routing.expert_ids[:, 0], routing.logits.argmax(dim=1))
    routing.expert_weights.sum().backward()
    assert not router.weight.grad.any()
    with pytest.raises(InputError, match="`expert_weights: one` needs `experts_per_frame: 1`"):
        TopKRouter(6, 4, 2, "one")
