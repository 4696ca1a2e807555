"""Conversion of a feed-forward into experts and back."""

import pytest
import torch
from rounding import assert_close

from moeasr.moe.balanced_router import BalancedRouter
from moeasr.moe.expert_copies import (
    FeedForwardWeights,
    add_noise,
    average_experts,
    copy_to_experts,
    join,
    most_used_expert,
    scale_output,
    silence,
)
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank
from moeasr.moe.fixed_routers import HashRouter
from moeasr.moe.group_routers import LanguageRouter
from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.router import Router
from moeasr.moe.top_k_routers import TopKRouter
from moeasr.nn.feed_forward import DenseFeedForward
from moeasr.nn.valid_frames import all_frames_valid

D, M, E = 8, 12, 4
VALID = all_frames_valid(2, 5)


@pytest.fixture
def dense():
    return DenseFeedForward(D, M, dropout=0.0).double().eval()


@pytest.fixture
def x():
    return torch.randn(2, 5, D, dtype=torch.float64)


def mixture(weights, router):
    """An MoE feed-forward with these experts."""
    bank = ExpertBank(D, M, router.num_experts, 0.0, EXPERT_KERNELS["loop"]).double()
    bank.load_state_dict(weights._asdict())
    return MoEFeedForward(router.double(), bank).eval()


def as_module(weights):
    """A dense feed-forward with these weights."""
    module = DenseFeedForward(D, M, dropout=0.0).double()
    names = ("w1.weight", "w1.bias", "w2.weight", "w2.bias")
    module.load_state_dict(dict(zip(names, weights)))
    return module.eval()


def stacked():
    """Experts that all differ."""
    bank = ExpertBank(D, M, E, 0.0, EXPERT_KERNELS["loop"]).double()
    return FeedForwardWeights.of_bank(bank)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_a_mixture_of_copies_with_selected_weights_is_the_dense_feed_forward(dense, x, k):
    experts = copy_to_experts(FeedForwardWeights.of_dense(dense), E)
    moe = mixture(experts, TopKRouter(D, E, k, "selected"))
    torch.testing.assert_close(moe(x, VALID)[0], dense(x, VALID)[0], rtol=0, atol=1e-12)


def test_copies_are_apart_in_memory(dense):
    experts = copy_to_experts(FeedForwardWeights.of_dense(dense), E)
    experts.w1[0] += 1
    assert not torch.equal(experts.w1[0], experts.w1[1])
    assert torch.equal(experts.w1[1], dense.w1.weight)


ROUTERS = [
    (TopKRouter(D, E, 2, "selected"), True),
    (TopKRouter(D, E, 2, "full"), False),
    (TopKRouter(D, E, 1, "full"), False),
    (TopKRouter(D, E, E, "full"), True),
    (BalancedRouter(D, E, 2, "selected"), True),
    (TopKRouter(D, E, 1, "one"), True),
    (BalancedRouter(D, E, 1, "one"), True),
    (BalancedRouter(D, E, E, "full"), False),
    (HashRouter(D, E, 2), True),
]


@pytest.mark.parametrize(("router", "exact"), ROUTERS)
def test_routers_declare_whether_upcycling_preserves_the_function(router, exact, dense, x):
    moe = mixture(copy_to_experts(FeedForwardWeights.of_dense(dense), E), router)
    difference = (moe(x, VALID)[0] - dense(x, VALID)[0]).abs().max()
    assert router.weights_sum_to_one == exact == bool(difference < 1e-12)


def test_experts_of_a_language_may_all_be_selected():
    assert LanguageRouter(D, 2, E, E // 2, "full").weights_sum_to_one
    assert not LanguageRouter(D, 2, E, 1, "full").weights_sum_to_one


class OwnRouter(Router):
    """A router of a user that has only the required members."""


def test_a_router_makes_no_promises_by_default():
    assert not OwnRouter().weights_sum_to_one


def test_noise_is_in_units_of_each_tensors_deviation_and_seeded():
    torch.manual_seed(3)
    weights = FeedForwardWeights(*(torch.randn(100, 50) * s for s in (0.1, 1.0, 10.0, 3.0)))
    noisy = add_noise(weights, 0.5, torch.Generator().manual_seed(4))
    again = add_noise(weights, 0.5, torch.Generator().manual_seed(4))
    other = add_noise(weights, 0.5, torch.Generator().manual_seed(5))
    for before, after, same, different in zip(weights, noisy, again, other):
        assert torch.equal(after, same) and not torch.equal(after, different)
        ratio = (after - before).std() / before.std()
        assert abs(float(ratio) - 0.5) < 0.02


def test_the_average_counts_each_expert_by_its_share():
    experts = stacked()
    average = average_experts(experts, torch.tensor([3, 0, 1, 0]))
    for got, weight in zip(average, experts):
        wanted = 0.75 * weight[0] + 0.25 * weight[2]
        assert_close(got, wanted, 3, dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_average_of_copies_is_the_original_bit_for_bit(dense, dtype):
    weights = FeedForwardWeights.of_dense(dense.to(dtype))
    average = average_experts(copy_to_experts(weights, 3), torch.tensor([5.0, 1.0, 2.0]))
    steps = 0 if dtype == torch.float32 else 3  # sums of three in float64 round in the last place
    for got, wanted in zip(average, weights):
        assert_close(got, wanted, steps, wanted.abs(), dtype=torch.float64)


def test_the_most_used_expert_and_of_equals_the_first():
    experts = stacked()
    for load, best in (([1, 5, 9, 2], 2), ([7, 0, 0, 7], 0)):
        chosen = most_used_expert(experts, torch.tensor(load))
        assert all(torch.equal(got, weight[best]) for got, weight in zip(chosen, experts))


def test_the_scaled_feed_forward_gives_a_multiple(dense, x):
    scaled = as_module(scale_output(FeedForwardWeights.of_dense(dense), 0.3))
    torch.testing.assert_close(scaled(x, VALID)[0], 0.3 * dense(x, VALID)[0], rtol=0, atol=1e-12)


def test_joined_feed_forwards_compute_their_sum(dense, x):
    other = DenseFeedForward(D, 5, dropout=0.0).double()
    joined = join(FeedForwardWeights.of_dense(dense), FeedForwardWeights.of_dense(other))
    assert joined.w1.shape == (M + 5, D) and joined.w2.shape == (D, M + 5)
    module = DenseFeedForward(D, M + 5, dropout=0.0).double()
    module.load_state_dict(dict(zip(("w1.weight", "w1.bias", "w2.weight", "w2.bias"), joined)))
    expected = dense(x, VALID)[0] + other(x, VALID)[0]
    assert_close(module(x, VALID)[0], expected, steps=M, dtype=torch.float64)


def test_silent_experts_output_0_and_keep_their_first_layer(dense, x):
    experts = copy_to_experts(FeedForwardWeights.of_dense(dense), E)
    silent = silence(experts)
    assert torch.equal(silent.w1, experts.w1) and torch.equal(silent.b1, experts.b1)
    y, _ = mixture(silent, TopKRouter(D, E, 2, "selected"))(x, VALID)
    assert not y.any()
