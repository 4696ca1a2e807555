"""Routers with groups of experts."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.moe.group_routers import LanguageRouter, LearnedGroupRouter

ROUTERS = pytest.mark.parametrize("cls", [LanguageRouter, LearnedGroupRouter])


@ROUTERS
def test_a_group_router_needs_the_group(cls):
    router = cls(6, 2, 6, 2, "full")
    for context in (None, torch.ones(4, 3)):
        with pytest.raises(ValueError, match=f"`router: {cls.context}` needs the group of each"):
            router(torch.randn(4, 6), context)


@ROUTERS
def test_a_frame_meets_only_the_experts_of_its_group(cls):
    x = torch.randn(20, 6, dtype=torch.float64)
    router = cls(6, 2, 6, 2, "full").double()
    group = torch.tensor([0, 1] * 10)
    context = torch.nn.functional.one_hot(group, 2).double()
    routing = router(x, context)
    assert torch.equal(routing.expert_ids // 3, group[:, None].expand(20, 2))
    for n in range(20):
        own = slice(3 * group[n], 3 * group[n] + 3)
        weights, ids = (router.weight[own] @ x[n]).softmax(dim=0).topk(2)
        assert torch.equal(routing.expert_ids[n], ids + 3 * group[n])
        torch.testing.assert_close(routing.expert_weights[n], weights, rtol=0, atol=1e-12)
    routing.probs.square().sum().backward()
    assert torch.isfinite(router.weight.grad).all()


@ROUTERS
@pytest.mark.parametrize(
    ("groups", "experts", "k", "weights", "reason"),
    [
        (3, 8, 1, "full", "equally many experts: `num_experts` must be a multiple of 3"),
        (4, 8, 3, "full", "8 experts among 4 groups: `experts_per_frame` must be at most 2"),
        (2, 4, 1, "selected", "zero gradient"),
    ],
)
def test_groups_that_do_not_share_out_the_experts_are_refused(
    cls, groups, experts, k, weights, reason
):
    with pytest.raises(InputError, match=reason):
        cls(6, groups, experts, k, weights)
