"""Linear layers for inference on a CPU, with weights packed for a fast kernel or quantised.

A packed layer has no parameters: it cannot be trained, saved or counted. It is created from a
loaded model (`moeasr.models.inference`) and exists only in that process.
"""

import torch
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.nn.kernel_trial import fastest_maker
from moeasr.nn.linear_kernels import KERNELS, Kernel

PRECISIONS = tuple(KERNELS)
"""The precisions of packed layers."""


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
        self.precision = precision
        self._kernel = make_kernel(weight, bias, precision)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer, (..., inputs) -> (..., outputs)."""
        if x.numel() == 0:
            return x.new_zeros(*x.shape[:-1], self.out_features)
        return self._kernel(x)


def make_kernel(
    weight: Tensor, bias: Tensor | None, precision: str, with_silu: bool = False
) -> Kernel:
    """Build the fastest kernel for y = W x + b, optionally followed by silu.

    Args:
        weight: (outputs, inputs) float32.
        bias: (outputs,) or None.
        precision: One of `PRECISIONS`.
        with_silu: Apply silu to the outputs, for a following layer of the same precision. In bf16,
            the outputs then stay in bfloat16.

    Raises:
        InputError: The precision is unknown.
    """
    check_precision(precision)
    bias = weight.new_zeros(weight.size(0)) if bias is None else bias
    outputs, inputs = weight.shape
    make = fastest_maker(KERNELS[precision], inputs, outputs, with_silu, torch.get_num_threads())
    with torch.inference_mode():
        return make(weight.detach(), bias.detach(), with_silu)


def check_precision(precision: str) -> None:
    """Raise `InputError` unless the precision is one of `PRECISIONS`."""
    if precision not in PRECISIONS:
        raise InputError(
            f"`precision` must be one of {', '.join(PRECISIONS)}, but is '{precision}'"
        )
