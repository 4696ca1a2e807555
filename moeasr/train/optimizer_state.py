"""The state of an optimizer in `last.pt`, whose tensors belong to parameters by name.

The order of the parameters follows the config, for example the keys of `heads:`, and may change.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import nn


def stored_parameters(
    state: Mapping[str, Any], optimizer: torch.optim.Optimizer
) -> list[nn.Parameter | None]:
    """Return the parameter of an optimizer for each number of a stored state.

    Args:
        state: The state of an optimizer with named parameters, see `build_optimizer`. Checkpoints
            of older versions have no names; their parameters are those of the optimizer in order.
        optimizer: The optimizer of this run.

    Returns:
        The parameters; None for names that the optimizer does not have.
    """
    groups = state["param_groups"]
    if not all("param_names" in group for group in groups):
        return list(_named_parameters(optimizer).values())
    named = _named_parameters(optimizer)
    return [named.get(name) for group in groups for name in group["param_names"]]


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Load the running averages of a stored state; all settings stay those of the optimizer.

    Raises:
        ValueError: The state has other parameters than the optimizer.
    """
    parameters = stored_parameters(state, optimizer)
    named = _named_parameters(optimizer)
    numbers = {parameter: number for number, parameter in enumerate(named.values())}
    num_stored = sum(len(group["params"]) for group in state["param_groups"])
    if num_stored != len(parameters) or set(parameters) != set(numbers):
        raise ValueError("its optimizer has other parameters")
    averages = {}
    for number, values in state["state"].items():
        parameter = parameters[number]
        shapes = {tuple(value.shape) for name, value in values.items() if name != "step"}
        if parameter is None or not shapes <= {tuple(parameter.shape)}:
            raise ValueError("its optimizer has parameters of other shapes")
        averages[numbers[parameter]] = values
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": averages, "param_groups": groups})


def _named_parameters(optimizer: torch.optim.Optimizer) -> dict[str, nn.Parameter]:
    """Return the parameters of an optimizer by name, in order."""
    groups = optimizer.param_groups
    names = chain.from_iterable(group["param_names"] for group in groups)
    return dict(zip(names, chain.from_iterable(group["params"] for group in groups), strict=True))
