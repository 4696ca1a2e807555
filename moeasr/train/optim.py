"""The optimizer, its parameter groups and their learning rates."""

import torch
from torch import nn

from moeasr.module_names import find_parameters
from moeasr.train.config import OptimConfig, TrainConfig
from moeasr.train.schedule import learning_rate_factor


def build_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """Build Adam or AdamW with two groups: weight matrices with decay, and all other parameters.

    Each further factor in `lr_factors` adds two such groups. Parameters that several modules share
    appear once.

    Args:
        model: The model whose parameters are optimized.
        config: The settings.

    Raises:
        InputError: `lr_factors` contains an unknown module.
    """
    exempt, factors = _exempt_from_decay(model), _lr_factors(model, config)
    groups = []
    for factor in dict.fromkeys((1.0, *factors.values())):
        decayed, plain = [], []  # with names, by which a resumed training finds its state
        for name, parameter in model.named_parameters():
            if factors.get(parameter, 1.0) == factor:
                (plain if parameter in exempt else decayed).append((name, parameter))
        groups += [
            {"params": decayed, "weight_decay": config.weight_decay, "lr_factor": factor},
            {"params": plain, "weight_decay": 0.0, "lr_factor": factor},
        ]
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    groups = [group for group in groups if group["params"]]
    return kind(groups, lr=config.lr, betas=tuple(config.betas), eps=1e-8, fused=True)


def set_learning_rate(
    optimizer: torch.optim.Optimizer, config: TrainConfig, step: int, total_steps: int
) -> float:
    """Set the learning rates of all groups for a step, and return the rate of factor 1.

    Args:
        optimizer: The optimizer, see `build_optimizer`.
        config: The `train:` section.
        step: Number of the step, from 1.
        total_steps: Number of steps of the whole training.
    """
    lr = config.optim.lr * learning_rate_factor(step, total_steps, config.schedule)
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_factor"]
    return lr


def _lr_factors(model: nn.Module, config: OptimConfig) -> dict[nn.Parameter, float]:
    """Return the factor of each parameter in a module of `lr_factors`."""
    factors: dict[nn.Parameter, float] = {}
    for name, factor in config.lr_factors.items():
        parameters = find_parameters(model, [name], "train.optim.lr_factors")
        factors |= dict.fromkeys(parameters, factor)
    return factors


def _exempt_from_decay(model: nn.Module) -> set[nn.Parameter]:
    """Return the parameters without weight decay.

    These are the parameters with fewer than two dimensions, such as biases and norms, and those
    that a module returns from its method `no_weight_decay()`.
    """
    exempt = {parameter for parameter in model.parameters() if parameter.dim() < 2}
    for module in model.modules():
        if hasattr(module, "no_weight_decay"):
            exempt.update(module.no_weight_decay())
    return exempt
