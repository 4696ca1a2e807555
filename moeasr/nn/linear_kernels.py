"""Kernels of linear layers for inference on a CPU: several for each precision, with equal results.

The oneDNN operators are private to PyTorch, whose compiler emits them, and have not changed since
version 2.11. `moeasr.nn.kernel_trial` tries them once, and uses the plain kernel if they fail.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Kernel = Callable[[Tensor], Tensor]
"""Function (..., inputs) -> (..., outputs) that accepts the outputs of any kernel."""
Maker = Callable[[Tensor, Tensor, bool], Kernel]
"""Function that builds a kernel from the weight, the bias, and whether silu follows."""

PACKED_ROWS = 64  # number of input rows for which the packed layout is optimised
SMALLEST_SCALE = 6.1e-5  # smallest scale of 8-bit inputs, as in FBGEMM
MAX_CODE = 255  # largest code of 8-bit inputs


class KernelFamily(NamedTuple):
    """The kernels of one precision, which differ only in speed."""

    makers: tuple[Maker, ...]
    """The makers of the kernels; the first one uses public operators only."""
    tolerance: float
    """Largest relative difference between the outputs of two kernels, as a ratio of norms."""
    splits: bool
    """True if a layer may have two kernels, each with its own copy of the weights."""


def fp32_plain(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build the reference kernel, `F.linear` with contiguous weights."""
    weight = weight.contiguous()
    if with_silu:
        return lambda x: F.silu(F.linear(x, weight, bias), inplace=True)
    return lambda x: F.linear(x, weight, bias)


def fp32_onednn(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build a oneDNN kernel of a linear layer with packed weights and fused silu."""
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), PACKED_ROWS)
    post = "swish" if with_silu else "none"
    product = torch.ops.mkldnn._linear_pointwise.default
    return lambda x: product(x, packed, bias, post, [], "")


def bf16_plain(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build a linear kernel that sums bfloat16 products in float32 and rounds sums to bfloat16."""
    return _bf16(fp32_plain, weight, bias, with_silu)


def bf16_onednn(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build a bfloat16 kernel of a linear layer, whose weights are packed once.

    This halves the time for inputs of a few rows, because the plain kernel packs the weights in
    every call.
    """
    return _bf16(fp32_onednn, weight, bias, with_silu)


def _bf16(make: Maker, weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build a kernel for bfloat16, whose outputs are float32, or bfloat16 if silu follows.

    The layer after silu has the same precision and would round its inputs to bfloat16 anyway.
    """
    kernel = make(weight.to(torch.bfloat16), bias.to(torch.bfloat16), with_silu)
    if with_silu:
        return lambda x: kernel(x.to(torch.bfloat16))
    return lambda x: kernel(x.to(torch.bfloat16)).float()


def int8_plain(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build an 8-bit kernel of PyTorch's default engine, which is FBGEMM on x86.

    Weights have one scale per output. Each call quantises its inputs, with one scale for all rows.
    """
    packed = torch.ops.quantized.linear_prepack(quantize_weight(weight), bias)
    product = torch.ops.quantized.linear_dynamic.default
    is_reduced = largest_code() < MAX_CODE
    if with_silu:
        return lambda x: F.silu(product(x, packed, is_reduced), inplace=True)
    return lambda x: product(x, packed, is_reduced)


def int8_onednn(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build the 8-bit kernel of PyTorch's oneDNN engine, which uses AMX where FBGEMM does not."""
    with _quantized_engine("onednn"):
        return int8_plain(weight, bias, with_silu)


def int8_pointwise(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build an 8-bit oneDNN kernel with fused silu, whose inputs are quantised in two passes."""
    quantized = quantize_weight(weight)
    rows = [PACKED_ROWS, weight.size(1)]
    packed = torch.ops.onednn.qlinear_prepack(quantized.int_repr(), rows)
    scales = quantized.q_per_channel_scales().float()
    zero_points = torch.zeros(weight.size(0), dtype=torch.int32)
    post = ("swish" if with_silu else "none", [], "")
    product = torch.ops.onednn.qlinear_pointwise.default

    def kernel(x: Tensor) -> Tensor:
        codes = quantize_inputs(x)
        weights = (packed, scales, zero_points, bias)
        return product(*codes, *weights, 1.0, 0, torch.float32, *post)

    return kernel


def quantize_weight(weight: Tensor) -> Tensor:
    """Quantise a weight matrix symmetrically to -127 .. 127 with one scale per output."""
    scales = (weight.abs().amax(dim=1) / 127).clamp(min=1e-12).double()
    zero_points = torch.zeros(weight.size(0), dtype=torch.int64)
    return torch.quantize_per_channel(weight, scales, zero_points, 0, torch.qint8)


def quantize_inputs(x: Tensor) -> tuple[Tensor, float, int]:
    """Quantise inputs to 0 .. `largest_code()` by the scale and zero point of PyTorch's engines.

    The codes cover the range from the smallest to the largest input, extended to include zero.

    Returns:
        The codes (uint8), the scale, and the code of zero.
    """
    lowest, highest = torch.aminmax(x)
    low, high = min(lowest.item(), 0.0), max(highest.item(), 0.0)
    step = (high - low) / largest_code() or 1.0
    scale, zero_point = max(step, SMALLEST_SCALE), round(-low / step)
    quantized = torch.quantize_per_tensor(x.contiguous(), scale, zero_point, torch.quint8)
    # `int_repr` would copy the codes, which takes as long as quantising them.
    codes = torch.empty(0, dtype=torch.uint8).set_(quantized.untyped_storage(), 0, x.shape)
    return codes, scale, zero_point


@functools.cache
def largest_code() -> int:
    """Return the largest code of 8-bit inputs: 255, or 127 on processors without VNNI.

    Without these instructions for 8-bit products, kernels add two products in 16 bits. Codes up to
    255 and weights up to 127 would overflow. PyTorch's own `reduce_range` does the same.
    """
    ones = torch.ones(64, 64)
    weight = quantize_weight(ones)
    for engine in ("fbgemm", "onednn"):
        try:
            with _quantized_engine(engine):
                packed = torch.ops.quantized.linear_prepack(weight, None)
            sums = torch.ops.quantized.linear_dynamic.default(ones, packed, False)
        except RuntimeError:  # this build of PyTorch lacks the engine
            continue
        if (sums - 64).abs().max() > 0.64:
            return 127
    return MAX_CODE


@contextmanager
def _quantized_engine(name: str) -> Iterator[None]:
    """Use an engine of PyTorch in the block; raise `RuntimeError` if it is not available."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    try:
        yield
    finally:
        torch.backends.quantized.engine = before


KERNELS: dict[str, KernelFamily] = {
    "fp32": KernelFamily((fp32_plain, fp32_onednn), 1e-4, splits=False),
    "bf16": KernelFamily((bf16_plain, bf16_onednn), 2e-2, splits=False),
    "int8": KernelFamily((int8_plain, int8_onednn, int8_pointwise), 2e-3, splits=True),
}
"""The families of kernels by precision."""
