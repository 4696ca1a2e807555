"""Expert kernels: all equal to the slow loop, values and gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from dropped import RATES, assert_dropped
from rounding import NETWORK_STEPS, assert_close

from moeasr.low_rank import add_update
from moeasr.moe import experts
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank, loop_kernel
from moeasr.moe.packed_experts import PackedExperts
from moeasr.moe.top_k_routers import TopKRouter


def make_bank(kernel, num_experts=5, dropout=0.0):
    torch.manual_seed(1)
    return ExpertBank(6, 8, num_experts, dropout, kernel).double()


def frame_by_frame(bank, x, routing):
    """Run the experts of one frame at a time, one expert after the other."""
    weights = bank.weights()
    rows = []
    for n in range(len(x)):
        terms = [
            routing.expert_weights[n, k] * bank.run_expert(weights[int(e)], x[n : n + 1])[0]
            for k, e in enumerate(routing.expert_ids[n])
        ]
        rows.append(torch.stack(terms).sum(dim=0))
    return torch.stack(rows)


@pytest.mark.parametrize("kernel", EXPERT_KERNELS)
@pytest.mark.parametrize(("num_frames", "k"), [(1, 1), (3, 2), (40, 2), (40, 5)])
def test_values_and_gradients_equal_the_frame_by_frame_twin(kernel, num_frames, k):
    bank, twin = make_bank(EXPERT_KERNELS[kernel]), make_bank(loop_kernel)
    router = TopKRouter(6, 5, k, "full").double()
    x = torch.randn(num_frames, 6, dtype=torch.float64)
    target = torch.randn(num_frames, 6, dtype=torch.float64)
    results = []
    for run in (lambda x, r: bank(x, r), lambda x, r: frame_by_frame(twin, x, r)):
        leaf = x.clone().requires_grad_()
        router.zero_grad()
        y = run(leaf, router(leaf))
        (y * target).sum().backward()
        results.append((y.detach(), leaf.grad, router.weight.grad.clone()))
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, rtol=0, atol=1e-11)
    for (name, fast), slow in zip(bank.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(fast.grad, slow.grad, rtol=0, atol=1e-11, msg=name)


@pytest.mark.parametrize("kernel", EXPERT_KERNELS)
def test_an_expert_without_frames_has_a_zero_gradient_not_none(kernel):
    bank = make_bank(EXPERT_KERNELS[kernel], num_experts=50)
    router = TopKRouter(6, 50, 2, "selected").double()
    bank(x := torch.randn(2, 6, dtype=torch.float64), router(x)).sum().backward()
    idle = [e for e in range(50) if e not in router(x).expert_ids]
    assert bank.w1.grad is not None and not bank.w1.grad[idle].any()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("activation", [F.silu, F.relu])
@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("kernel", EXPERT_KERNELS)
def test_hidden_units_are_dropped_at_the_rate_in_training_only(
    monkeypatch, kernel, groups, activation, rate
):
    """Every hidden unit is activation(1), and an output is its own hidden unit + 5."""
    monkeypatch.setattr(experts, "groups_products", lambda x, shape: groups)
    bank = ExpertBank(32, 32, 3, rate, EXPERT_KERNELS[kernel], activation)
    with torch.no_grad():
        bank.w1.zero_()
        bank.b1.fill_(1.0)
        bank.w2.copy_(torch.eye(32).expand(3, 32, 32))
        bank.b2.fill_(5.0)
    router, x = TopKRouter(32, 3, 1, "one"), torch.randn(125, 32)
    active = 1 / (1 + math.exp(-1)) if activation is F.silu else 1.0
    assert_dropped(bank(x, router(x)) - 5.0, rate, active)
    for has_gradients in (True, False):
        with torch.set_grad_enabled(has_gradients):
            evaluated = bank.eval()(x, router(x))
        torch.testing.assert_close(evaluated, torch.full_like(x, 5.0 + active))


@pytest.mark.parametrize("activation", [F.silu, F.relu])
def test_packed_experts_give_what_the_loop_gives(activation):
    bank = ExpertBank(6, 8, 5, 0.5, loop_kernel, activation).eval()
    x = torch.randn(12, 6)
    routing = TopKRouter(6, 5, 2, "selected")(x)
    with torch.inference_mode():
        found, wanted = PackedExperts(bank, "fp32")(x, routing), bank(x, routing)
    assert_close(found, wanted, NETWORK_STEPS)


@pytest.mark.parametrize("kernel", EXPERT_KERNELS)
def test_no_frames_at_all_give_an_empty_output(kernel):
    bank, router = make_bank(EXPERT_KERNELS[kernel]), TopKRouter(6, 5, 2, "full").double()
    x = torch.zeros(0, 6, dtype=torch.float64)
    assert bank(x, router(x)).shape == (0, 6)


@pytest.mark.parametrize(
    ("name", "num_inputs"), [("w1", 100), ("b1", 100), ("w2", 400), ("b2", 400)]
)
def test_experts_start_as_linear_layers_do(name, num_inputs):
    """Uniform within 1 / sqrt(inputs), each expert on its own.

    A mean of n squares of such numbers is off by 5 deviations of 0.9 / sqrt(n) at most.
    """
    weight = getattr(ExpertBank(100, 400, 3, 0.0, loop_kernel), name).detach()
    assert float(weight.abs().max()) <= num_inputs**-0.5
    for expert in weight:
        size = float(expert.square().mean()) * 3 * num_inputs
        assert abs(size - 1) < 5 * 0.9 / math.sqrt(expert.numel())
    assert not torch.equal(weight[0], weight[1])


@pytest.mark.parametrize("kernel", EXPERT_KERNELS)
def test_each_weight_is_read_once(kernel):
    """With a low-rank update, each access to a weight computes it."""
    bank, router = ExpertBank(6, 8, 4, 0.0, EXPERT_KERNELS[kernel]), TopKRouter(6, 4, 2, "full")
    x, calls = torch.randn(9, 6), []
    for name in ("w1", "w2"):
        add_update(bank, name, rank=2, alpha=1.0)
        bank.parametrizations[name][0].register_forward_hook(lambda *_: calls.append(1))
    bank(x, router(x))
    assert len(calls) == 2
