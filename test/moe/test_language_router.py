"""The router that is told the language."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.moe.language_router import LanguageRouter


def test_each_language_has_experts_of_its_own():
    router = LanguageRouter(
        6, num_languages=2, num_experts=6, experts_per_frame=2, expert_weights="full"
    )
    assert router.num_choices == 3
    x = torch.randn(20, 6)
    languages = torch.arange(20) % 2
    routing = router(x, torch.nn.functional.one_hot(languages, 2).float())
    assert torch.equal(routing.expert_ids // 3, languages[:, None].expand(-1, 2))
    for n in range(20):
        own = (router.weight[3 * languages[n] :][:3] @ x[n]).softmax(dim=0)
        torch.testing.assert_close(routing.expert_weights[n], own.topk(2).values)
    assert (routing.probs > 0).sum(dim=1).tolist() == [3] * 20


def test_the_language_must_be_told():
    router = LanguageRouter(6, 2, 6, 2, "full")
    for context in (None, torch.ones(4, 3)):
        with pytest.raises(ValueError, match="needs the language of each frame"):
            router(torch.randn(4, 6), context)


@pytest.mark.parametrize(
    ("num_experts", "k", "message"),
    [
        (5, 1, "must be a multiple of the 2 languages for `router: language`, but is 5"),
        (6, 4, r"must be between 1 and the number of experts \(3\), but is 4"),
    ],
)
def test_experts_that_cannot_be_divided_are_refused(num_experts, k, message):
    with pytest.raises(InputError, match=message):
        LanguageRouter(6, 2, num_experts, k, "full")
