"""Low-rank updates of weights: LoRA (Hu et al., arXiv 2106.09685).

An update is a parametrization of PyTorch: wherever a module uses its weight, it uses the sum of the
weight and the update. Therefore, linear layers and all kernels of experts need no code for
adapters.
"""

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

PARTS = ("original", "0.up", "0.down", "0.scale")
"""Ends of the names of a weight and of the tensors of its update in a state dict."""
NAME = re.compile(rf"(.*)parametrizations\.(\w+)\.({'|'.join(map(re.escape, PARTS))})")


class LowRankUpdate(nn.Module):
    """The sum of a weight and an update of rank R: W + alpha / R * up down.

    The stacked weights of E experts, (E, outputs, inputs), have E updates. An update is 0 until it
    is trained.

    Args:
        weight: The weight W, (outputs, inputs) or (E, outputs, inputs).
        rank: Rank R of the update.
        alpha: Factor alpha on the update.
    """

    scale: Tensor

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        *stack, outputs, inputs = weight.shape
        self.down = nn.Parameter(weight.new_empty(*stack, rank, inputs))
        self.up = nn.Parameter(weight.new_zeros(*stack, outputs, rank))
        nn.init.uniform_(self.down, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))
        # A checkpoint contains the factor, so that merging needs no config.
        self.register_buffer("scale", weight.new_tensor(alpha / rank))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the sum, in the precision of the weight even under autocast."""
        # Autocast does not know the meta device, on which a model has shapes but no values.
        device_type = "cpu" if weight.is_meta else weight.device.type
        with torch.autocast(device_type, enabled=False):
            return _sum(weight, self.up, self.down, self.scale)


def add_update(module: nn.Module, name: str, rank: int, alpha: float) -> None:
    """Freeze a weight of a module, and add a new update to it.

    Args:
        module: The module.
        name: Name of the parameter in the module.
        rank: See `LowRankUpdate`.
        alpha: See `LowRankUpdate`.
    """
    weight = getattr(module, name).requires_grad_(False)
    parametrize.register_parametrization(module, name, LowRankUpdate(weight, rank, alpha))


def merge_updates(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of a model with all updates added to their weights.

    The names are those of the model without updates, and a state without updates is unchanged. A
    weight that several modules share remains one tensor.

    Args:
        state: The state of a model, from `state_dict()`.
    """
    merged: dict[str, Tensor] = {}
    sums: dict[tuple[int, torch.Size], Tensor] = {}
    for name, tensor in state.items():
        match = NAME.fullmatch(name)
        update = match and [state.get(f"{name.removesuffix(match[3])}{part}") for part in PARTS]
        if not update or any(part is None for part in update):
            merged[name] = tensor
        elif match[3] == PARTS[0]:
            identity = (tensor.data_ptr(), tensor.shape)
            if identity not in sums:
                sums[identity] = _sum(*update)
            merged[match[1] + match[2]] = sums[identity]
    return merged


def _sum(weight: Tensor, up: Tensor, down: Tensor, scale: Tensor) -> Tensor:
    return weight + scale * (up @ down)
