"""The optimizer and its parameter groups."""

import torch
from torch import nn

from moeasr.train.config import OptimConfig


def build_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """Adam or AdamW over two groups: weight matrices with decay, everything else without.

    Biases, norms and routers are not decayed: decay would pull a router towards ties.
    Parameters that modules share appear once.

    Args:
        model: Whose parameters.
        config: Settings.
    """
    decayed, plain = [], []
    for name, parameter in model.named_parameters():
        is_router = "router" in name.split(".")
        # Stacked expert biases are (E, M) and attention's two (H, D / H): matrices in shape,
        # biases in nature.
        is_bias = name.endswith(("bias", ".b1", ".b2"))
        (plain if parameter.dim() < 2 or is_router or is_bias else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.lr, betas=tuple(config.betas), eps=1e-8, fused=True)
