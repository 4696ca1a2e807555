"""Experts packed for inference (whole models: test/models/test_inference.py)."""

import pytest
import torch
from rounding import assert_close

from moeasr.moe.experts import ExpertBank, loop_kernel
from moeasr.moe.packed_experts import PackedExperts
from moeasr.moe.top_k_routers import TopKRouter
from moeasr.nn.feed_forward import ACTIVATIONS
from moeasr.nn.packed_linear import PRECISIONS, make_kernel


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_both_layers_of_an_expert_have_the_precision_asked_for(precision, activation):
    """With one layer in fp32, an output in bf16 or int8 is another by some thousandths."""
    bank = ExpertBank(64, 128, 1, 0.0, loop_kernel, ACTIVATIONS[activation])
    x = torch.randn(9, 64)
    with torch.inference_mode():
        [(w1, b1, w2, b2)] = bank.weights()
        if activation == "silu":
            hidden = make_kernel(w1, b1, precision, with_silu=True, has_few_rows=True)(x)
        else:
            up = make_kernel(w1, b1, precision, has_few_rows=True)
            hidden = ACTIVATIONS[activation](up(x))
        expected = make_kernel(w2, b2, precision, has_few_rows=True)(hidden)
        found = PackedExperts(bank, precision)(x, TopKRouter(64, 1, 1, "full")(x))
    assert_close(found, expected, 128)  # sums of 128 products


@pytest.mark.parametrize("precision", PRECISIONS)
def test_no_frames_are_no_outputs(precision):
    bank, router = ExpertBank(64, 128, 4, 0.0, loop_kernel), TopKRouter(64, 4, 2, "selected")
    with torch.inference_mode():
        nothing = torch.randn(0, 64)
        assert PackedExperts(bank, precision)(nothing, router(nothing)).shape == (0, 64)


def test_a_frame_is_run_by_its_own_experts_whichever_others_are_idle():
    """For one frame, all experts except one are idle, including those before it."""
    bank = ExpertBank(64, 128, 4, 0.0, loop_kernel)
    router = TopKRouter(64, 4, 1, "full")
    packed = PackedExperts(bank, "fp32")
    frames = torch.randn(20, 1, 64)
    with torch.inference_mode():
        used = {int(router(x).expert_ids) for x in frames}
        for x in frames:
            assert_close(packed(x, router(x)), bank(x, router(x)), 128)  # sums of 128 products
    assert used == {0, 1, 2, 3}
