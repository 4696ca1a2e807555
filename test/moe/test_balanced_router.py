"""Balance by bias instead of a loss (arXiv 2408.15664)."""

import pytest
import torch
from rounding import assert_close

from moeasr.errors import InputError
from moeasr.moe.balanced_router import BalancedRouter
from moeasr.moe.stats import expert_load


@pytest.fixture
def x():
    return torch.randn(200, 6, dtype=torch.float64)


def test_the_bias_chooses_and_the_scores_alone_weigh(x):
    router = BalancedRouter(6, 5, 2, "selected").double()
    router.bias.copy_(torch.randn(5))
    routing = router(x)
    scores = (x @ router.weight.detach().T).sigmoid()
    for n in range(len(x)):
        chosen = sorted(range(5), key=lambda e: -float(scores[n, e] + router.bias[e]))[:2]
        assert routing.expert_ids[n].tolist() == chosen
        expected = scores[n, chosen] / scores[n, chosen].sum()
        torch.testing.assert_close(routing.expert_weights[n], expected, rtol=0, atol=1e-12)
    shares = scores / scores.sum(dim=1, keepdim=True)
    torch.testing.assert_close(routing.probs, shares, rtol=0, atol=1e-12)


def test_scores_that_underflow_still_have_a_relation():
    router = BalancedRouter(2, 4, 2, "selected")
    with torch.no_grad():
        router.weight.fill_(-60.0)[3] = -59.5
    routing = router(torch.ones(3, 2))
    assert_close(routing.expert_weights.sum(dim=1), torch.ones(3), steps=4)
    expected = torch.tensor([0.0, 0.0, 0.0, 1.0]).softmax(dim=0).expand(3, 4)
    assert_close(routing.probs, expected, steps=1024)  # of logits near 120


def test_full_weights_are_the_scores(x):
    router = BalancedRouter(6, 5, 1, "full").double()
    routing = router(x)
    expected = (x @ router.weight.T).sigmoid().gather(1, routing.expert_ids)
    torch.testing.assert_close(routing.expert_weights, expected, rtol=0, atol=1e-12)


def test_reacting_raises_the_idle_and_lowers_the_busy():
    router = BalancedRouter(6, 4, 2, "selected")
    router.react(torch.tensor([10.0, 0.0, 4.0, 2.0], dtype=torch.float64))  # 4 on average
    assert torch.equal(router.bias, torch.tensor([-0.001, 0.001, 0.0, 0.001]))


def test_a_frozen_router_keeps_its_bias():
    router = BalancedRouter(6, 4, 2, "selected").requires_grad_(False)
    router.react(torch.tensor([10.0, 0.0, 4.0, 2.0]))
    assert not router.bias.any()


def test_reactions_bring_a_skewed_load_into_balance(x):
    router = BalancedRouter(6, 4, 1, "full").double()
    x = x + 1.0  # a common direction: one expert is everyone's favourite
    before = expert_load(router(x)).max()
    for _ in range(1500):
        router.react(expert_load(router(x)))
    after = expert_load(router(x))
    assert before > 90 and after.max() <= 60 and after.min() >= 40


def test_the_bias_is_stored_but_not_trained():
    router = BalancedRouter(6, 4, 2, "selected")
    assert "bias" in router.state_dict()
    assert [name for name, _ in router.named_parameters()] == ["weight"]


def test_one_expert_with_weights_over_itself_is_refused():
    with pytest.raises(InputError, match="zero gradient"):
        BalancedRouter(6, 4, 1, "selected")
    with pytest.raises(InputError, match="with one expert needs `expert_weights: selected`"):
        BalancedRouter(6, 1, 1, "full")
    one = BalancedRouter(6, 1, 1, "selected")(torch.randn(5, 6))
    assert torch.equal(one.expert_weights, torch.ones(5, 1))


@pytest.mark.parametrize(
    ("expert_of", "load", "signs"),
    [([0, 1, 2, 1], [9.0, 3.0, 0.0], [-1, 1, 1, 1]), ([0, 0, 1, 0], [9.0, 1.0], [-1, -1, 1, -1])],
)
def test_the_biases_of_a_merged_expert_react_to_its_load(expert_of, load, signs):
    router = BalancedRouter(6, 4, 2, "selected")
    router.serve_layer(len(load), are_merged=True)
    router.expert_of.copy_(torch.tensor(expert_of))
    router.react(torch.tensor(load, dtype=torch.float64))
    assert torch.equal(router.bias.sign(), torch.tensor(signs, dtype=router.bias.dtype))
