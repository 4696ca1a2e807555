"""Optimisation of a loaded model for inference on a CPU, by packed kernels and quantisation."""

import torch
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.moe.experts import ExpertBank
from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.merged_experts import MergedExperts
from moeasr.moe.packed_experts import PackedExperts
from moeasr.nn.attention import RelPositionAttention
from moeasr.nn.packed_convolution import fastest_conv
from moeasr.nn.packed_linear import PackedLinear, check_precision
from moeasr.nn.subsampling import ConvSubsampling4
from moeasr.nn.unquantized_linear import UnquantizedLinear


class CachedProjection(nn.Module):
    """A projection of positions that keeps its last result, because most calls repeat the
    positions.

    Args:
        project: The projection, (..., D) -> (..., D).
    """

    def __init__(self, project: nn.Module) -> None:
        super().__init__()
        self._project = project
        self._last: tuple[Tensor, Tensor] | None = None

    def forward(self, positions: Tensor) -> Tensor:
        """Project positions, or return the last result if the positions are the same."""
        if self._last is None or not _is_same(self._last[0], positions):
            self._last = (positions, self._project(positions))
        return self._last[1]


def _is_same(left: Tensor, right: Tensor) -> bool:
    return left is right or torch.equal(left, right)


def optimize_for_inference(model: AsrModel, precision: str = "fp32") -> AsrModel:
    """Replace the linear layers and experts of a model by packed ones, in place.

    With `fp32`, results differ only by rounding. With `bf16` or `int8`, the linear layers of the
    encoder and the decoders compute in this precision. The front end's second convolution, which
    costs as much as several blocks, does so too if that is faster. Routers, norms, attention
    weights, merged experts, the other convolutions and every `UnquantizedLinear` stay in float32.
    The weights of each layer are freed before the next layer is packed, so a large model is never
    in memory twice.

    Args:
        model: A float32 model in eval mode on a CPU. It cannot be trained or saved afterwards.
        precision: One of `moeasr.nn.packed_linear.PRECISIONS`.

    Returns:
        The same model.

    Raises:
        InputError: The precision is unknown, or the model is not a float32 model on a CPU.
    """
    check_precision(precision)
    parameter = next(model.parameters())
    if parameter.device.type != "cpu" or parameter.dtype != torch.float32:
        raise InputError("packed kernels need a float32 model on a CPU")
    places = _places_of_packed(model)
    while places:
        module = next(iter(places))  # the first one: weights are fastest in the order of their use
        packed = _pack(module, precision)
        for parent, name in places.pop(module):
            setattr(parent, name, packed)
        del module  # free its weights before the next module is packed
    for module in _outside_routers(model):
        if isinstance(module, RelPositionAttention):
            module.position = CachedProjection(module.position)
        if isinstance(module, ConvSubsampling4):
            module.conv1 = module.conv1.to(memory_format=torch.channels_last)
            module.conv2 = fastest_conv(module.conv2, precision)
    return model


def _outside_routers(model: nn.Module) -> list[nn.Module]:
    """Return the modules of a model, each once, except those inside its routers."""
    layers = [module for module in model.modules() if isinstance(module, MoEFeedForward)]
    of_routers = {part for layer in layers for part in layer.router.modules()}
    return [module for module in model.modules() if module not in of_routers]


def _places_of_packed(model: nn.Module) -> dict[nn.Module, list[tuple[nn.Module, str]]]:
    """Return the modules that will be packed, each with its parent modules and its names there."""
    places: dict[nn.Module, list[tuple[nn.Module, str]]] = {}
    for parent in _outside_routers(model):
        for name, child in parent.named_children():
            merges = isinstance(child, MergedExperts)  # by probabilities that vary
            if isinstance(child, (nn.Linear, ExpertBank)) and not merges:
                places.setdefault(child, []).append((parent, name))
    return places


def _pack(module: nn.Linear | ExpertBank, precision: str) -> nn.Module:
    """Return a packed module that replaces a linear layer or experts."""
    if isinstance(module, ExpertBank):
        return PackedExperts(module, precision)
    if isinstance(module, UnquantizedLinear):
        precision = "fp32"
    return PackedLinear(module.weight, module.bias, precision)
