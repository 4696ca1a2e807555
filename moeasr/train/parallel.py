"""The ways to divide a training among processes, by the names of `train.parallel`."""

import torch
from torch import nn

from moeasr.train.blocks import recompute_blocks
from moeasr.train.config import TrainConfig
from moeasr.train.replication import Replication
from moeasr.train.sharding import Sharding


def parallelise(model: nn.Module, config: TrainConfig, device: torch.device) -> Replication:
    """Prepare a model for training as the config says, before its optimizer is built.

    Args:
        model: The model, already on `device`.
        config: The `train:` section.
        device: The device of this process.

    Raises:
        InputError: `parallel: shard` needs several processes.
    """
    if config.recompute == "blocks":
        recompute_blocks(model)
    if config.parallel == "shard":
        return Sharding(model, config.precision, device)
    return Replication(model)
