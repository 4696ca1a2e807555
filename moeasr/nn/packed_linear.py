"""Linear layers for inference on a CPU, with weights packed for a fast kernel or quantised.

A packed layer has no parameters: it cannot be trained, saved or counted. It is created from a
loaded model (`moeasr.models.inference`) and exists only in that process.

The oneDNN operators are private to PyTorch, whose compiler emits them, and have not changed since
version 2.11. They are tried once against `F.linear`, which is used if they fail.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError

Kernel = Callable[[Tensor], Tensor]
"""Function (..., inputs) -> (..., outputs) with float32 inputs and outputs."""
Maker = Callable[[Tensor, Tensor, bool], Kernel]
"""Function that builds a kernel from the weight, the bias, and whether silu follows."""

TRIAL_ROUNDS = 5
TRIAL_SHAPES = ((4, 256, 2048), (64, 256, 1024), (64, 1024, 256))
"""Rows, inputs and outputs in the trial: the frames of one expert in a streaming chunk, and in
several seconds of speech."""
TRIAL_BYTES = 2**24  # size of the weights, larger than caches, as in a model of many layers
TRIAL_GAIN = 1.05  # speed-up that justifies a private operator
PACKED_ROWS = 64  # number of input rows for which the packed layout is optimised


class PackedLinear(nn.Module):
    """A linear layer y = W x + b that runs one kernel.

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
        """Apply the layer, (..., inputs) -> (..., outputs)."""
        if x.numel() == 0:
            return x.new_zeros(*x.shape[:-1], self.out_features)
        return self._kernel(x)


def make_kernel(
    weight: Tensor, bias: Tensor | None, precision: str, with_silu: bool = False
) -> Kernel:
    """Build a kernel for y = W x + b, optionally followed by silu.

    Args:
        weight: (outputs, inputs) float32.
        bias: (outputs,) or None.
        precision: One of `PRECISIONS`.
        with_silu: Apply silu to the outputs.

    Raises:
        InputError: The precision is unknown.
    """
    check_precision(precision)
    bias = weight.new_zeros(weight.size(0)) if bias is None else bias
    with torch.inference_mode():
        return PRECISIONS[precision](weight.detach(), bias.detach(), with_silu)


def aten_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build the reference kernel, `F.linear` with contiguous weights."""
    weight = weight.contiguous()
    if with_silu:
        return lambda x: F.silu(F.linear(x, weight, bias), inplace=True)
    return lambda x: F.linear(x, weight, bias)


def onednn_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build a oneDNN kernel with packed weights and fused silu; only rounding differs."""
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), PACKED_ROWS)
    post = "swish" if with_silu else "none"
    product = torch.ops.mkldnn._linear_pointwise.default
    return lambda x: product(x, packed, bias, post, [], "")


def fp32_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build the float32 kernel that is faster on this machine."""
    make = onednn_kernel if onednn_is_faster(torch.get_num_threads()) else aten_kernel
    return make(weight, bias, with_silu)


def bf16_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build a bfloat16 kernel, which sums products in float32 and rounds each sum to bfloat16.

    Packed weights halve the time for a few rows, because the plain kernel packs them in every call.
    """
    weight, bias = weight.to(torch.bfloat16), bias.to(torch.bfloat16)
    make = onednn_kernel if packs_bf16() else aten_kernel
    kernel = make(weight, bias, False)
    if with_silu:
        return lambda x: F.silu(kernel(x.to(torch.bfloat16)).float(), inplace=True)
    return lambda x: kernel(x.to(torch.bfloat16)).float()


def int8_kernel(weight: Tensor, bias: Tensor, with_silu: bool) -> Kernel:
    """Build an 8-bit kernel with one weight scale per output; each call scales its inputs."""
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
    """Raise `InputError` unless the precision is one of `PRECISIONS`."""
    if precision not in PRECISIONS:
        raise InputError(
            f"`precision` must be one of {', '.join(PRECISIONS)}, but is '{precision}'"
        )


@functools.cache
def onednn_is_faster(num_threads: int) -> bool:
    """Return whether oneDNN is available, correct and faster than `F.linear`.

    The trial takes 0.3 s and its result is cached. On AMD processors, PyTorch's own products may
    reach only half the speed of oneDNN; elsewhere they may be as fast. This depends on how PyTorch
    was built, not on the vendor of the processor, so it must be measured.

    Args:
        num_threads: Number of threads, for which the result is cached separately.
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
    except (RuntimeError, AttributeError):  # the operator is missing in this build of PyTorch
        return False
    return best_sec[aten_kernel] > TRIAL_GAIN * best_sec[onednn_kernel]


@functools.cache
def packs_bf16() -> bool:
    """Return whether oneDNN accepts packed bfloat16 weights here and computes correct results."""
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(shape, generator=generator) for shape in ((3, 64), (32, 64), 32))
    x, weight, bias = (tensor.to(torch.bfloat16) for tensor in (x, weight, bias))
    try:
        with torch.inference_mode():
            found = onednn_kernel(weight, bias, False)(x)
    except (RuntimeError, AttributeError):  # the operator is missing in this build of PyTorch
        return False
    return torch.allclose(found, F.linear(x, weight, bias), rtol=2e-2, atol=2e-2)


def _alternate(kernels: Mapping[Maker, Sequence[Kernel]], x: Tensor) -> dict[Maker, float]:
    """Return the seconds of all kernels of each kind, the best of several alternating rounds."""
    best_sec = dict.fromkeys(kernels, float("inf"))
    for _ in range(TRIAL_ROUNDS):
        for make, ready in kernels.items():
            start_sec = time.perf_counter()
            for kernel in ready:
                kernel(x)
            best_sec[make] = min(best_sec[make], time.perf_counter() - start_sec)
    return best_sec
