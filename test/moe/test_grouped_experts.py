"""The grouped products equal the loop in all precisions. They also run on a CPU, but slowly."""

import pytest
import torch
import torch.nn.functional as F
from rounding import NETWORK_STEPS, assert_close

from moeasr.moe import experts
from moeasr.moe.experts import ExpertBank, grouped_kernel, loop_kernel, sorted_kernel
from moeasr.moe.grouped_experts import groups_products, run_grouped
from moeasr.moe.top_k_routers import TopKRouter


def make(kernel):
    torch.manual_seed(1)
    return ExpertBank(16, 24, 6, 0.0, kernel)


@pytest.mark.parametrize(("num_frames", "k"), [(1, 1), (3, 2), (50, 2), (50, 6)])
@pytest.mark.parametrize("activation", [F.silu, F.relu])
def test_values_and_gradients_equal_the_loop(num_frames, k, activation):
    router = TopKRouter(16, 6, k, "full")  # with few frames some experts have none
    frames, target = torch.randn(num_frames, 16), torch.randn(num_frames, 16)
    found = []
    for is_grouped in (False, True):
        bank, x = make(loop_kernel), frames.clone().requires_grad_()
        bank.activation = activation
        router.zero_grad()
        weights = bank.stacked
        routing = router(x)
        y = run_grouped(x, weights, routing, activation, 0.0) if is_grouped else bank(x, routing)
        (y * target).sum().backward()
        found.append([y.detach(), x.grad, router.weight.grad.clone(), *(w.grad for w in weights)])
    for slow, fast in zip(*found):
        assert_close(fast, slow, NETWORK_STEPS)


def test_under_autocast_it_computes_in_bfloat16():
    router, x = TopKRouter(16, 6, 2, "selected"), torch.randn(40, 16)
    bank, routing = make(loop_kernel), router(x)
    exact = bank(x, routing).detach()
    weights = bank.stacked
    with torch.autocast("cpu", torch.bfloat16):
        y = run_grouped(x, weights, routing, F.silu, 0.0)
    y.float().square().sum().backward()
    assert y.dtype == torch.bfloat16
    error = (y.detach().float() - exact).norm() / exact.norm()
    assert 1e-4 < float(error) < 0.02
    assert all(weight.grad.dtype == torch.float32 for weight in weights)


def test_elsewhere_the_sorted_kernel_takes_its_place():
    router, x = TopKRouter(16, 6, 2, "selected"), torch.randn(40, 16)
    bank, routing = make(grouped_kernel), router(x)
    assert not groups_products(x, bank.shape)
    assert torch.equal(bank(x, routing), sorted_kernel(bank, x, routing))


def test_where_it_is_known_it_is_taken(monkeypatch):
    monkeypatch.setattr(experts, "groups_products", lambda x, shape: True)
    router, x = TopKRouter(16, 6, 2, "selected"), torch.randn(40, 16)
    routing = router(x)
    found, wanted = make(grouped_kernel)(x, routing), make(loop_kernel)(x, routing)
    assert_close(found, wanted, NETWORK_STEPS)
    assert "GroupedMm" in _names(found.grad_fn)


def _names(node):
    """Return the names of all autograd functions that lead to a tensor."""
    if node is None:
        return ""
    return node.name() + " ".join(_names(before) for before, _ in node.next_functions)
