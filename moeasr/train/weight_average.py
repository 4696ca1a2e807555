"""An exponential moving average of the weights of a model over the steps of its training."""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from moeasr import distributed


def make_average(model: nn.Module, decay: float) -> "WeightAverage | None":
    """Return the average of the first process, which writes the checkpoints; None if decay is 0."""
    return WeightAverage(model, decay) if decay > 0 and distributed.is_main() else None


class WeightAverage:
    """A copy of a model whose weights are averaged after each step.

    After each step, average = decay * average + (1 - decay) * weights. The first step sets the
    average to the weights. Buffers, such as the state of a router, are those of the latest step.

    Args:
        model: The model, already on its device.
        decay: Decay per step, 0 to below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def update(self, model: nn.Module) -> None:
        """Add the weights of the model after a step."""
        self._average.update_parameters(model)

    def weights(self) -> dict[str, Any]:
        """Return the averaged weights by the names that they have in the model."""
        return self._average.module.state_dict()

    def state(self) -> dict[str, Any]:
        """Return the state that a resumed training needs."""
        return self._average.state_dict()

    def load(self, state: Mapping[str, Any] | None, model: nn.Module) -> None:
        """Restore a state; None starts a new average at the weights of the model."""
        if state is None:
            self._average.update_parameters(model)
        else:
            self._average.load_state_dict(state)
