"""Linear layers for inference on a CPU: weights laid out once for a fast kernel, or quantised.

A packed layer has no parameters: it cannot be trained, saved or counted. It is made from a loaded
model (`moeasr.models.inference`) and goes with the process.

The oneDNN operators are private to PyTorch (its compiler emits them) and have been the same since
2.11; they are tried once against `F.linear`, which is what is used where they fail.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError

Kernel = Callable[[Tensor], Tensor]
"""(..., inputs) -> (..., outputs), float32 in and out."""
Maker = Callable[[Tensor, Tensor, bool], Kernel]
"""From weight, bias, and whether silu follows."""

TRIAL_ROUNDS = 5
TRIAL_SHAPES = ((4, 256, 2048), (64, 256, 1024), (64, 1024, 256))
"""Rows, inputs, outputs: an expert's share of a streaming chunk, and of some seconds."""
TRIAL_BYTES = 2**24  # of weights: more than caches hold, as in a model of many layers
TRIAL_GAIN = 1.05  # a private operator has to be worth it
PACKED_ROWS = 64  # what the packed layout is chosen for


class PackedLinear(nn.Module):
    """y = W x + b by one kernel.

    Args:
        weight: (outputs, inputs) float32.
        bias: (outputs,) or None.
        precision: One of `PRECISIONS`.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, precision: str) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self._kernel = make_kernel(weight, bias, precision)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        if x.numel() == 0:
            return x.new_zeros(*x.shape[:-1], self.out_features)
        return self._kernel(x)


def make_kernel(
    weight: Tensor, bias: Tensor | None, precision: str, with_silu: bool = False
) -> Kernel:
    """A kernel for y = W x + b, or silu of it.

    Args:
        weight: (outputs, inputs) float32.
        bias: (outputs,) or None.
        precision: One of `PRECISIONS`.
        with_silu: Apply silu to the outputs.

    Raises:
        InputError: There is no such precision.
    """
    check_precision(precision)
    bias = weight.new_zeros(weight.size(0)) if bias is None else bias
    with torch.inference_mode():
        return PRECISIONS[precision](weight.detach(), bias.detach(), with_silu)


def aten_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """The reference: PyTorch's own, on contiguous weights."""
    weight = weight.contiguous()
    if with_silu:
        return lambda x: F.silu(F.linear(x, weight, bias), inplace=True)
    return lambda x: F.linear(x, weight, bias)


def onednn_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """oneDNN on packed weights, silu in the same pass; equal but for rounding."""
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), PACKED_ROWS)
    post = "swish" if with_silu else "none"
    product = torch.ops.mkldnn._linear_pointwise.default
    return lambda x: product(x, packed, bias, post, [], "")


def fp32_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """The faster one on this machine."""
    make = onednn_kernel if onednn_is_faster(torch.get_num_threads()) else aten_kernel
    return make(weight, bias, with_silu)


def bf16_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """bfloat16 products, summed in float32 and rounded to bfloat16 once.

    Packed, a few rows take half the time: the plain kernel lays its weights out in every call.
    """
    weight, bias = weight.to(torch.bfloat16), bias.to(torch.bfloat16)
    make = onednn_kernel if packs_bf16() else aten_kernel
    kernel = make(weight, bias, False)
    if with_silu:
        return lambda x: F.silu(kernel(x.to(torch.bfloat16)).float(), inplace=True)
    return lambda x: kernel(x.to(torch.bfloat16)).float()


def int8_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """8-bit weights with a scale for each output; inputs get theirs anew in each call."""
    scales = (weight.abs().amax(dim=1) / 127).clamp(min=1e-12).double()
    zero_points = torch.zeros(weight.size(0), dtype=torch.int64)
    quantised = torch.quantize_per_channel(weight, scales, zero_points, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(quantised, bias)
    product = torch.ops.quantized.linear_dynamic.default
    if with_silu:
        return lambda x: F.silu(product(x, packed), inplace=True)
    return lambda x: product(x, packed)


PRECISIONS: dict[str, Maker] = {
    "fp32": fp32_kernel,
    "bf16": bf16_kernel,
    "int8": int8_kernel,
}


def check_precision(precision: str) -> None:
    """Make sure that there is such a precision.

    Raises:
        InputError: There is none.
    """
    if precision not in PRECISIONS:
        raise InputError(
            f"`precision` must be one of {', '.join(PRECISIONS)}, but is '{precision}'"
        )


@functools.cache
def onednn_is_faster(num_threads: int) -> bool:
    """Whether oneDNN is there, right, and faster than `F.linear`; tried once, for 0.3 s.

    On AMD processors PyTorch's own products may run at half of what oneDNN reaches, elsewhere they
    may be as good: it depends on how PyTorch was built, so the maker's name says nothing.

    Args:
        num_threads: What is true of one thread need not be of several.
    """
    generator = torch.Generator().manual_seed(0)
    best_sec = dict.fromkeys((aten_kernel, onednn_kernel), 0.0)
    try:
        with torch.inference_mode():
            for rows, inputs, outputs in TRIAL_SHAPES:
                x = torch.randn(rows, inputs, generator=generator)
                bias = torch.randn(outputs, generator=generator)
                shape = (TRIAL_BYTES // (4 * inputs * outputs), outputs, inputs)
                weights = torch.randn(shape, generator=generator).unbind()
                kernels = {make: [make(w, bias, True) for w in weights] for make in best_sec}
                reference, found = (kernels[make][0](x) for make in best_sec)
                if not torch.allclose(reference, found, rtol=1e-4, atol=1e-3):
                    return False
                for make, seconds in _alternate(kernels, x).items():
                    best_sec[make] += seconds
    except (RuntimeError, AttributeError):  # another build of PyTorch, another processor
        return False
    return best_sec[aten_kernel] > TRIAL_GAIN * best_sec[onednn_kernel]


@functools.cache
def packs_bf16() -> bool:
    """Whether oneDNN takes packed bfloat16 weights here, and what comes out is right."""
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(shape, generator=generator) for shape in ((3, 64), (32, 64), 32))
    x, weight, bias = (tensor.to(torch.bfloat16) for tensor in (x, weight, bias))
    try:
        with torch.inference_mode():
            found = onednn_kernel(weight, bias, False)(x)
    except (RuntimeError, AttributeError):  # another build of PyTorch, another processor
        return False
    return torch.allclose(found, F.linear(x, weight, bias), rtol=2e-2, atol=2e-2)


def _alternate(kernels: Mapping[Maker, Sequence[Kernel]], x: Tensor) -> dict[Maker, float]:
    """Seconds of all kernels of each kind, the best of some rounds in which they take turns."""
    best_sec = dict.fromkeys(kernels, float("inf"))
    for _ in range(TRIAL_ROUNDS):
        for make, ready in kernels.items():
            start_sec = time.perf_counter()
            for kernel in ready:
                kernel(x)
            best_sec[make] = min(best_sec[make], time.perf_counter() - start_sec)
    return best_sec
