"""The autograd function of all experts: gradients, dropout, precision, and stored tensors."""

import pytest
import torch
import torch.nn.functional as F

from moeasr.moe.dispatch import sort_by_expert
from moeasr.moe.expert_rows import ExpertRows
from moeasr.moe.experts import ExpertBank, loop_kernel, sorted_kernel
from moeasr.moe.top_k_routers import TopKRouter


def make(kernel, dropout=0.0, d_model=6, hidden_units=8, activation=F.silu):
    torch.manual_seed(1)
    return ExpertBank(d_model, hidden_units, 4, dropout, kernel, activation)


@pytest.mark.parametrize("with_dropout", [False, True])
def test_gradients_are_those_of_differences(with_dropout):
    bank = make(sorted_kernel).double()
    ids = torch.tensor([[0, 1], [3, 0], [1, 3], [0, 3], [1, 0]])  # expert 2 has no frames
    dispatch = sort_by_expert(ids, 4)
    kept, gain = ((torch.rand(10, 8) > 0.4).byte(), 1 / 0.6) if with_dropout else (None, 1.0)
    weights = [w.detach().clone().requires_grad_() for w in (bank.w1, bank.b1, bank.w2, bank.b2)]
    x = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, *w: ExpertRows.apply(x, *w, dispatch, kept, gain), (x, *weights), atol=1e-7
    )


def test_a_batch_without_valid_frames_has_gradients_of_zero():
    bank, router = make(sorted_kernel), TopKRouter(6, 4, 2, "full")
    x = torch.randn(0, 6, requires_grad=True)
    y = bank(x, router(x))
    assert y.shape == (0, 6)
    y.sum().backward()
    assert x.grad.shape == (0, 6)
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in bank.parameters())


def test_dropout_of_everything_leaves_the_last_bias():
    bank, router = make(sorted_kernel, dropout=1.0), TopKRouter(6, 4, 1, "full")
    routing = router(x := torch.randn(5, 6))
    expected = routing.expert_weights * bank.b2[routing.expert_ids[:, 0]]
    torch.testing.assert_close(bank(x, routing), expected)


@pytest.mark.parametrize("activation", [F.silu, F.relu])
def test_evaluation_gives_the_same_with_and_without_gradients(activation):
    bank, router = make(sorted_kernel, activation=activation).double(), TopKRouter(6, 4, 2, "full")
    x = torch.randn(20, 6, dtype=torch.float64)
    routing = router.double()(x)
    with torch.no_grad():
        expected = bank(x, routing)
    torch.testing.assert_close(bank(x, routing), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        make(loop_kernel, activation=activation).double()(x, routing), expected, rtol=0, atol=1e-12
    )


def test_autocast_computes_in_bfloat16_and_leaves_gradients_in_float32():
    torch.manual_seed(2)
    router = TopKRouter(32, 4, 2, "selected")
    torch.nn.init.normal_(router.weight)
    frames = torch.randn(40, 32)
    routing = router(frames)
    routing = routing._replace(expert_weights=routing.expert_weights.detach())
    found = []
    for kernel in (loop_kernel, sorted_kernel):
        bank, x = make(kernel, d_model=32, hidden_units=64), frames.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            y = bank(x, routing)
        y.float().square().sum().backward()
        grads = [x.grad, bank.w1.grad, bank.b1.grad, bank.w2.grad, bank.b2.grad]
        assert all(grad.dtype == torch.float32 for grad in grads)
        found.append([y.detach().float(), *grads])
    for slow, fast in zip(*found):
        assert float((fast - slow).norm() / slow.norm()) < 0.02
    exact = make(sorted_kernel, d_model=32, hidden_units=64)(frames, routing).detach()
    assert 1e-4 < float((exact - found[1][0]).norm() / exact.norm()) < 0.02


def kept_bytes(bank, x, routing):
    """Return the bytes that autograd keeps for the backward pass, without weights."""
    storages = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in bank.parameters()}

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = bank(x, routing)  # noqa: F841 it holds what is kept
    return sum(size for pointer, size in storages.items() if pointer not in weights)


def test_the_hidden_units_that_are_dropped_cost_a_quarter_of_the_others():
    x = torch.randn(512, 64, requires_grad=True)
    routing = TopKRouter(64, 4, 2, "selected")(x.detach())
    routing = routing._replace(expert_weights=routing.expert_weights.detach())
    without, with_dropout = (
        kept_bytes(make(sorted_kernel, rate, d_model=64, hidden_units=512), x, routing)
        for rate in (0.0, 0.1)
    )
    assert with_dropout - without == 512 * 2 * 512  # a byte for each


def test_it_keeps_less_than_two_thirds_of_what_the_loop_keeps():
    router = TopKRouter(64, 4, 2, "selected")
    x = torch.randn(512, 64, requires_grad=True)
    routing = router(x.detach())
    routing = routing._replace(expert_weights=routing.expert_weights.detach())
    sizes = [
        kept_bytes(make(kernel, d_model=64, hidden_units=512), x, routing)
        for kernel in (sorted_kernel, loop_kernel)
    ]
    assert sizes[0] > 512 * 2 * 512 * 4  # the hidden layer is there
    assert sizes[0] < 0.65 * sizes[1]
