"""A loaded model made ready to recognise on a CPU: fast kernels, fewer bits."""

import torch
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.moe.experts import ExpertBank
from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.packed_experts import PackedExperts
from moeasr.nn.attention import RelPositionAttention
from moeasr.nn.bf16_convolution import faster_conv
from moeasr.nn.packed_linear import PackedLinear, check_precision
from moeasr.nn.subsampling import ConvSubsampling4

KEPT_FP32 = "project"
"""Name of the linear layers that keep 32 bits: output layers of CTC and decoders, the last one of
the front end, the first one of a memory block."""


class CachedProjection(nn.Module):
    """The projection of positions, which are mostly those of the last call.

    Args:
        project: (..., D) -> (..., D).
    """

    def __init__(self, project: nn.Module) -> None:
        super().__init__()
        self._project = project
        self._last: tuple[Tensor, Tensor] | None = None

    def forward(self, positions: Tensor) -> Tensor:
        """As `project`."""
        if self._last is None or not _is_same(self._last[0], positions):
            self._last = (positions, self._project(positions))
        return self._last[1]


def _is_same(left: Tensor, right: Tensor) -> bool:
    return left is right or torch.equal(left, right)


def optimize_for_inference(model: AsrModel, precision: str = "fp32") -> AsrModel:
    """Replace linear layers and experts of a model by packed ones, in place.

    With `fp32` the results are equal but for rounding. With `bf16` or `int8` linear layers of
    encoder and decoders compute with fewer bits, and the front end's second convolution, which is
    as costly as some blocks, with 16; routers, norms, attention weights, the other convolutions and
    what is called `KEPT_FP32` keep 32.

    Args:
        model: In eval mode, float32, on a CPU. It cannot be trained or saved afterwards.
        precision: One of `moeasr.nn.packed_linear.PRECISIONS`.

    Returns:
        The model.

    Raises:
        InputError: Another precision, or a model elsewhere than on a CPU.
    """
    check_precision(precision)
    parameter = next(model.parameters())
    if parameter.device.type != "cpu" or parameter.dtype != torch.float32:
        raise InputError("packed kernels are for float32 models on a CPU")
    _pack(model, precision, done={})
    return model


def _pack(module: nn.Module, precision: str, done: dict[nn.Module, nn.Module]) -> None:
    """Replace what lies below a module; shared parts stay shared."""
    for name, child in module.named_children():
        if isinstance(module, MoEFeedForward) and child is module.router:
            continue  # a router of one's own may hold linear layers
        if child in done:
            setattr(module, name, done[child])
        elif isinstance(child, nn.Linear):
            if precision != "fp32" and name == KEPT_FP32:
                continue  # not even packed: few layers would not repay the trial of kernels
            packed: nn.Module = PackedLinear(child.weight, child.bias, precision)
            if isinstance(module, RelPositionAttention) and name == "position":
                packed = CachedProjection(packed)
            done[child] = packed
            setattr(module, name, packed)
        elif isinstance(child, ExpertBank):
            done[child] = PackedExperts(child, precision)
            setattr(module, name, done[child])
        else:
            _pack(child, precision, done)
    if isinstance(module, ConvSubsampling4) and precision != "fp32":
        module.conv2 = faster_conv(module.conv2)
