"""The router that is told the language."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.moe.language_router import LanguageRouter


def test_a_language_router_needs_the_language():
    router = LanguageRouter(6, 2, 6, 2, "full")
    for context in (None, torch.ones(4, 3)):
        with pytest.raises(ValueError, match="needs the language of each frame"):
            router(torch.randn(4, 6), context)


@pytest.fixture
def x():
    return torch.randn(20, 6, dtype=torch.float64)


def test_a_frame_meets_only_the_experts_of_its_language(x):
    router = LanguageRouter(6, 2, 6, 2, "full").double()
    language = torch.tensor([0, 1] * 10)
    context = torch.nn.functional.one_hot(language, 2).double()
    routing = router(x, context)
    assert torch.equal(routing.expert_ids // 3, language[:, None].expand(20, 2))
    for n in range(20):
        own = slice(3 * language[n], 3 * language[n] + 3)
        weights, ids = (router.weight[own] @ x[n]).softmax(dim=0).topk(2)
        assert torch.equal(routing.expert_ids[n], ids + 3 * language[n])
        torch.testing.assert_close(routing.expert_weights[n], weights, rtol=0, atol=1e-12)
    routing.probs.square().sum().backward()
    assert torch.isfinite(router.weight.grad).all()


@pytest.mark.parametrize(
    ("languages", "experts", "k", "weights", "reason"),
    [
        (3, 8, 1, "full", "equally many experts: `num_experts` must be a multiple of 3"),
        (4, 8, 3, "full", r"between 1 and the number of experts \(2\)"),
        (2, 4, 1, "selected", "zero gradient"),
    ],
)
def test_languages_that_do_not_share_out_the_experts_are_refused(
    languages, experts, k, weights, reason
):
    with pytest.raises(InputError, match=reason):
        LanguageRouter(6, languages, experts, k, weights)
