"""The optimizer and its parameter groups."""

import torch
from torch import nn

from moeasr.train.config import OptimConfig


def build_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """Build Adam or AdamW with two groups: weight matrices with decay, and all other parameters.

    Parameters that several modules share appear once.

    Args:
        model: The model whose parameters are optimized.
        config: The settings.
    """
    exempt = _exempt_from_decay(model)
    decayed, plain = [], []
    for parameter in model.parameters():
        (plain if parameter in exempt else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.lr, betas=tuple(config.betas), eps=1e-8, fused=True)


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
