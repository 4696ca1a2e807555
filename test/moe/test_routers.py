"""The family of routers."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.moe.layer import MoeConfig
from moeasr.moe.router import Router
from moeasr.moe.routers import ROUTERS
from moeasr.nn.feed_forward import CONTEXTS, Stack

CONTEXT_SIZE = 2


@pytest.fixture(params=ROUTERS)
def router(request):
    """Each router in a layer of four experts, of which each frame uses two."""
    config = MoeConfig(num_experts=4, experts_per_frame=2, router=request.param)
    return ROUTERS[request.param].build(config, Stack(6, 0.0, CONTEXT_SIZE)).eval()


def route(router, x):
    context = torch.nn.functional.one_hot(torch.arange(len(x)) % CONTEXT_SIZE, CONTEXT_SIZE)
    return router(x, context.float() if router.context else None)


def test_it_says_what_it_is(router):
    assert isinstance(router, Router)
    assert (router.num_experts, router.experts_per_frame) == (4, 2)
    assert router.context in (None, *CONTEXTS)
    assert router.macs_per_frame > 0
    assert not router.has_gradient or router.learns


def test_a_frame_has_two_experts_with_the_declared_sum_of_weights(router):
    routing = route(router, torch.randn(50, 6))
    assert routing.expert_ids.shape == routing.expert_weights.shape == (50, 2)
    assert (routing.expert_ids[:, 0] != routing.expert_ids[:, 1]).all()
    assert routing.expert_ids.min() >= 0 and routing.expert_ids.max() < 4
    if router.weights_sum_to_one:
        torch.testing.assert_close(routing.expert_weights.sum(dim=1), torch.ones(50))


def test_training_draws_the_number_of_experts_by_the_step(router):
    """Other numbers than K serve training steps only; a layer alone draws what all layers draw."""
    router.training_experts = (1, 2)
    x = torch.randn(8, 6)
    drawn = []
    for step in range(1, 41):
        router.start_step(step)
        drawn.append(route(router.train(), x).expert_ids.size(1))
        assert drawn[-1] == router.experts_per_frame
        assert route(router.eval(), x).expert_ids.size(1) == router.experts_per_frame == 2
    assert set(drawn) == {1, 2} and 10 <= drawn.count(1) <= 30
    router.start_step(3)
    assert router.train().experts_per_frame == drawn[2]


def test_a_single_number_that_is_not_that_of_decoding_is_used_in_training(router):
    router.training_experts = (1,)
    assert router.draws_experts
    router.start_step(1)
    assert route(router.train(), torch.randn(8, 6)).expert_ids.size(1) == 1
    assert route(router.eval(), torch.randn(8, 6)).expert_ids.size(1) == 2


def test_any_number_of_experts_that_a_frame_may_meet_can_be_used(router):
    x = torch.randn(8, 6)
    largest = router.num_choices
    for k in range(1, largest + 1):
        router.use_experts(k)
        routing = route(router, x)
        assert routing.expert_ids.shape == (8, k)
        if router.weights_sum_to_one:
            torch.testing.assert_close(routing.expert_weights.sum(dim=1), torch.ones(8))
    for k in (0, largest + 1):
        with pytest.raises(InputError, match=rf"between 1 and the number .* \({largest}\), but is"):
            router.use_experts(k)


def test_a_frame_is_routed_the_same_in_any_company_unless_the_router_says_otherwise(router):
    x = torch.randn(8, 6)
    alone, together = route(router, x[:2]), route(router, x)
    same = torch.equal(alone.logits, together.logits[:2])
    assert same != router.sees_future


def test_only_routers_that_react_change_by_a_load(router):
    before = {name: value.clone() for name, value in router.state_dict().items()}
    router.react(torch.tensor([9.0, 1.0, 1.0, 1.0]))
    same = [torch.equal(value, before[name]) for name, value in router.state_dict().items()]
    assert all(same) != router.reacts
