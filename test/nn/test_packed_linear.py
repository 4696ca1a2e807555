"""Packed linear layers equal plain ones within the rounding of their precision."""

import pytest
import torch
import torch.nn.functional as F

from moeasr.errors import InputError
from moeasr.nn import packed_linear
from moeasr.nn.kernel_trial import FEW_ROWS, Choice
from moeasr.nn.packed_linear import PRECISIONS, PackedLinear, make_kernel

SUMS_OF_40 = 40 * torch.finfo(torch.float32).eps
ERROR = {"fp32": SUMS_OF_40, "bf16": 6e-3, "int8": 2e-2}
"""Largest relative error, of the norm."""


def relative_error(found, wanted):
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("with_silu", [False, True])
@pytest.mark.parametrize("shape", [(1,), (5,), (2, 9), (3, 1, 4)])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_it_is_the_linear_layer(precision, shape, with_silu):
    weight, bias, x = torch.randn(24, 40), torch.randn(24), torch.randn(*shape, 40)
    wanted = F.linear(x, weight, bias)
    wanted = F.silu(wanted) if with_silu else wanted
    found = make_kernel(weight, bias, precision, with_silu)(x)
    in_bf16 = with_silu and precision == "bf16"  # for the next layer, which computes in bf16 too
    assert found.dtype == (torch.bfloat16 if in_bf16 else torch.float32)
    assert found.shape == wanted.shape
    assert relative_error(found, wanted) < ERROR[precision]
    if precision != "fp32":
        assert relative_error(found, wanted) > 1e-5  # fewer bits are at work


@pytest.mark.parametrize("precision", PRECISIONS)
def test_without_bias_and_without_rows(precision):
    weight, x = torch.randn(24, 40), torch.randn(7, 40)
    packed = PackedLinear(weight, None, precision)
    assert relative_error(packed(x), x @ weight.T) < ERROR[precision]
    assert packed(x[:0]).shape == (0, 24)
    assert packed(torch.randn(2, 0, 40)).shape == (2, 0, 24)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_rows_do_not_depend_on_each_other(precision):
    """A frame's output depends only on the frame; in int8 nearly, as inputs share one scale."""
    packed = PackedLinear(torch.randn(24, 40), torch.randn(24), precision)
    x = torch.randn(12, 40)
    together, alone = packed(x), torch.cat([packed(row[None]) for row in x])
    assert relative_error(alone, together) < ERROR[precision]


def test_int8_weights_are_off_by_half_a_step_of_127_to_the_largest_of_their_row_at_most():
    """Ones and zeros, the inputs here, are exact in 8 bits."""
    weight = torch.randn(24, 40) * torch.logspace(-3, 3, 24)[:, None]
    found = PackedLinear(weight, None, "int8")(torch.eye(40)).T
    half_steps = weight.abs().amax(dim=1, keepdim=True) / 254
    assert ((found - weight).abs() <= half_steps * (1 + 254 * torch.finfo(torch.float32).eps)).all()


def test_a_zero_weight_row_is_no_division_by_zero():
    weight = torch.randn(24, 40)
    weight[3] = 0.0
    found = PackedLinear(weight, torch.ones(24), "int8")(torch.randn(5, 40))
    assert torch.equal(found[:, 3], torch.ones(5))


def test_a_few_rows_and_more_rows_are_computed_by_their_kernels(monkeypatch):
    def constant(value):
        return lambda weight, bias, with_silu: lambda x: torch.full((*x.shape[:-1], 5), value)

    choice = Choice(constant(1.0), constant(2.0))
    monkeypatch.setattr(packed_linear, "fastest_makers", lambda *args: choice)
    kernel = make_kernel(torch.randn(5, 4), None, "int8", has_few_rows=True)
    values = [kernel(torch.randn(rows, 4)).unique().item() for rows in (1, FEW_ROWS, FEW_ROWS + 1)]
    assert values == [1.0, 1.0, 2.0]
    assert kernel(torch.randn(3, FEW_ROWS, 4)).unique().item() == 2.0


def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="`precision` must be one of fp32, bf16, int8, but is 'x'"):
        PackedLinear(torch.randn(2, 3), None, "x")
