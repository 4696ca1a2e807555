"""All kernels of a precision compute the same, whichever is the fastest on a machine."""

import pytest
import torch
import torch.nn.functional as F

from moeasr.nn.kernel_trial import fastest_makers, sums_are_exact
from moeasr.nn.linear_kernels import KERNELS, largest_code, quantize_inputs, quantize_weight

MAKERS = [
    pytest.param(precision, make, id=make.__name__)
    for precision, family in KERNELS.items()
    for make in family.makers
]
EPS = torch.finfo(torch.float32).eps


def run(make, weight, bias, with_silu, x):
    """Build a kernel and run it; skip the test if this machine lacks the operator."""
    with torch.inference_mode():
        try:
            kernel = make(weight, bias, with_silu)
        except (RuntimeError, AttributeError):
            pytest.skip("this build of PyTorch lacks the operator")
        if not sums_are_exact(make):
            pytest.skip("its sums overflow on this processor, so that it is never used")
        return kernel(x).float()


def exact(precision, weight, bias, with_silu, x):
    """The layer in float64, with weights and inputs rounded to the precision."""
    if precision == "int8":
        weight, x = rounded_rows(weight), rounded_inputs(x)
    elif precision == "bf16":
        weight, bias, x = (tensor.bfloat16() for tensor in (weight, bias, x))
    y = F.linear(x.double(), weight.double(), bias.double())
    return F.silu(y) if with_silu else y


def rounded_rows(weight):
    """Weights as -127 .. 127 times a scale, the largest weight of the output over 127."""
    rows = []
    for row in weight.double():
        scale = max(row.abs().max().item() / 127, 1e-12)
        rows.append((row / scale).round() * scale)
    return torch.stack(rows)


def rounded_inputs(x):
    """Codes 0 .. 255 (or 127) minus that of zero, times a scale, for a range that includes zero."""
    x = x.double()
    low, high = min(x.min().item(), 0.0), max(x.max().item(), 0.0)
    scale = (high - low) / largest_code()
    if scale == 0.0:
        return x
    zero_point = round(-low / scale)
    scale = max(scale, 6.1e-5)
    codes = torch.clamp((x / scale).round() + zero_point, 0, 255)
    return (codes - zero_point) * scale


INPUTS = {
    "few_rows": torch.randn(4, 40, generator=torch.Generator().manual_seed(0)),
    "many_rows": torch.randn(2, 70, 40, generator=torch.Generator().manual_seed(1)),
    "positive": torch.rand(3, 40, generator=torch.Generator().manual_seed(2)) + 5,
    "negative": -torch.rand(3, 40, generator=torch.Generator().manual_seed(3)) - 5,
    "tiny": 1e-4 * torch.randn(3, 40, generator=torch.Generator().manual_seed(4)),
    "zeros": torch.zeros(3, 40),
    "columns": torch.randn(40, 5, generator=torch.Generator().manual_seed(5)).T,
}


@pytest.mark.parametrize("with_silu", [False, True])
@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize(("precision", "make"), MAKERS)
def test_only_the_sums_are_rounded(precision, make, inputs, with_silu):
    """Sums are rounded to float32, or to bfloat16; an 8-bit code next to a tie may be the other."""
    generator = torch.Generator().manual_seed(6)
    weight, bias = (torch.randn(*size, generator=generator) for size in ((24, 40), (24,)))
    x = INPUTS[inputs]
    wanted = exact(precision, weight, bias, with_silu, x)
    error = (run(make, weight, bias, with_silu, x) - wanted).norm() / wanted.norm()
    assert error < (2.0**-8 if precision == "bf16" else 40 * EPS)


@pytest.mark.parametrize("make", KERNELS["int8"].makers)
def test_8_bit_sums_do_not_overflow_on_any_processor(make):
    """Without VNNI, inputs have 7 bits, so that two products fit into 16 bits."""
    try:
        assert sums_are_exact(make)
    except (RuntimeError, AttributeError):
        pytest.skip("this build of PyTorch lacks the operator")


def test_codes_of_inputs_by_hand(monkeypatch):
    """The range -1 .. 4.1 in 255 steps of 0.02."""
    monkeypatch.setattr("moeasr.nn.linear_kernels.largest_code", lambda: 255)
    codes, scale, zero_point = quantize_inputs(torch.tensor([[-1.0, 4.1, 0.0], [0.029, 0.031, 1]]))
    assert codes.tolist() == [[0, 255, 50], [51, 52, 100]]
    assert codes.dtype == torch.uint8
    assert (scale, zero_point) == (pytest.approx(0.02), 50)


def test_codes_of_weights_by_hand():
    codes = quantize_weight(torch.tensor([[1.27, -0.634, 0.0], [-2.54, 0.02, 0.031]])).int_repr()
    assert codes.tolist() == [[127, -63, 0], [-127, 1, 2]]


def test_packing_for_an_engine_leaves_the_default_engine(monkeypatch):
    before = torch.backends.quantized.engine
    for make in KERNELS["int8"].makers:
        run(make, torch.randn(2, 3), torch.zeros(2), False, torch.randn(1, 3))
        assert torch.backends.quantized.engine == before


@pytest.mark.parametrize("precision", KERNELS)
def test_the_fastest_kernels_are_among_those_of_the_precision(precision):
    few, more = fastest_makers(KERNELS[precision], 251, 1023, True, True, 1)
    assert {few, more} <= set(KERNELS[precision].makers)
