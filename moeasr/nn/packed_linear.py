"""Linear layers for inference on a CPU, with weights packed for a fast kernel or quantised.

A packed layer has no parameters: it cannot be trained or saved, and its weights are missing from a
count of the model's parameters. It is created from a loaded model (`moeasr.models.inference`) and
exists only in that process.
"""

import torch
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.nn.kernel_trial import FEW_ROWS, fastest_makers
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
    weight: Tensor,
    bias: Tensor | None,
    precision: str,
    with_silu: bool = False,
    has_few_rows: bool = False,
) -> Kernel:
    """Build the fastest kernel for y = W x + b, optionally followed by silu.

    If calls with a few rows are common, another kernel may serve them.

    Args:
        weight: (outputs, inputs) float32.
        bias: (outputs,) or None.
        precision: One of `PRECISIONS`.
        with_silu: True to apply silu to the outputs, for a following layer of the same precision.
            In bf16, the outputs then stay in bfloat16.
        has_few_rows: True if calls with a few rows are common, as for experts in a stream.

    Raises:
        InputError: The precision is unknown.
    """
    check_precision(precision)
    bias = weight.new_zeros(weight.size(0)) if bias is None else bias
    outputs, inputs = weight.shape
    uses = (with_silu, has_few_rows, torch.get_num_threads())
    choice = fastest_makers(KERNELS[precision], inputs, outputs, *uses)
    with torch.inference_mode():
        more = choice.more(weight.detach(), bias.detach(), with_silu)
        if choice.few is choice.more:
            return more
        few = choice.few(weight.detach(), bias.detach(), with_silu)
    few_values = FEW_ROWS * inputs
    return lambda x: few(x) if x.numel() <= few_values else more(x)


def check_precision(precision: str) -> None:
    """Raise `InputError` unless the precision is one of `PRECISIONS`."""
    if precision not in PRECISIONS:
        raise InputError(
            f"`precision` must be one of {', '.join(PRECISIONS)}, but is '{precision}'"
        )
