"""All experts on all frames; test_experts.py compares values and gradients with the loop."""

import torch

from moeasr.moe.every_expert import CHEAP_MACS, is_cheap
from moeasr.moe.experts import ExpertBank, auto_kernel, every_kernel, sorted_kernel
from moeasr.moe.top_k_routers import TopKRouter


def test_it_is_cheap_up_to_a_number_of_products():
    shape = (8, 32, 16)
    frames = CHEAP_MACS // (2 * 8 * 32 * 16)
    assert is_cheap(frames, shape)
    assert not is_cheap(frames + 1, shape)


def test_experts_that_are_not_selected_add_nothing():
    bank, router = ExpertBank(6, 8, 4, 0.0, every_kernel).double(), TopKRouter(6, 4, 2, "full")
    x = torch.randn(5, 6).double()
    routing = router.double()(x)
    with torch.no_grad():
        unused = set(range(4)) - set(routing.expert_ids[0].tolist())
        expected = bank(x[:1], router(x[:1]))
        for expert in unused:
            bank.w2[expert] = 1e6
        torch.testing.assert_close(bank(x[:1], router(x[:1])), expected, rtol=0, atol=1e-12)


def test_on_a_cpu_the_kernel_is_sorted():
    bank, router = ExpertBank(6, 8, 4, 0.0, auto_kernel), TopKRouter(6, 4, 2, "selected")
    x = torch.randn(9, 6)
    routing = router(x)
    assert torch.equal(bank(x, routing), sorted_kernel(bank, x, routing))
