"""An exponential moving average of the weights of a model over the steps of its training."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

COUNT, PREFIX = "n_averaged", "module."
"""Keys of a stored average, which are those of `torch.optim.swa_utils.AveragedModel`."""


class WeightAverage:
    """The averages of the parameters of a model, or of the parts that this process holds.

    After each step, average = decay * average + (1 - decay) * weights. The first step sets the
    average to the weights. Buffers, such as the state of a router, are those of the latest step.

    Args:
        model: The model, already on its device.
        decay: Decay per step, 0 to below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._move = get_ema_multi_avg_fn(decay)
        self._count = torch.tensor(0)
        copies = {id(tensor): tensor.detach().clone() for tensor in _state(model).values()}
        self._tensors = {name: copies[id(tensor)] for name, tensor in _state(model).items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Add the weights of the model after a step."""
        parameters = {id(parameter) for parameter in model.parameters()}
        pairs = {
            id(new): (_part(self._tensors[name]), _part(new)) for name, new in _state(model).items()
        }
        moved = [pair for number, pair in pairs.items() if number in parameters]
        if self._count > 0:
            self._move(*(list(column) for column in zip(*moved)), self._count)
        for number, (average, new) in pairs.items():
            if self._count == 0 or number not in parameters:
                average.copy_(new)
        self._count += 1

    def weights(self) -> dict[str, Tensor]:
        """Return the averaged weights by the names that they have in the model."""
        return dict(self._tensors)

    def state(self) -> dict[str, Any]:
        """Return the state that a resumed training needs."""
        named = {PREFIX + name: tensor for name, tensor in self._tensors.items()}
        return {COUNT: self._count, **named}

    def load(self, state: Mapping[str, Any] | None, model: nn.Module) -> None:
        """Restore a state; None starts a new average at the weights of the model."""
        if state is None:
            self.update(model)
            return
        self._count.copy_(state[COUNT])
        for name, tensor in self._tensors.items():
            tensor.copy_(state[PREFIX + name])


def _part(tensor: Tensor) -> Tensor:
    """Return the part of a tensor that this process holds."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _state(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name; a shared one is the same object under each name."""
    return model.state_dict(keep_vars=True)
