"""The progress of a training: the part of `last.pt` that belongs to the trainer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from moeasr import distributed
from moeasr.errors import InputError
from moeasr.seed import generator_states
from moeasr.train.meter import Meter


@dataclass
class Progress:
    """The progress of a training."""

    epoch: int = 1
    """Number of the current epoch, from 1."""
    batch: int = 0
    """Number of micro-batches of this epoch that this process has finished."""
    step: int = 0
    """Number of optimizer steps so far."""
    bad_in_a_row: int = 0
    """Number of successive latest steps without a finite gradient."""
    meter: Meter = field(default_factory=Meter)
    """Running sums over this epoch."""

    def start_epoch(self, epoch: int) -> None:
        """Go to the first batch of an epoch."""
        self.epoch, self.batch, self.meter = epoch, 0, Meter()


def trainer_state(progress: Progress, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return everything that an exact resume needs beside the weights.

    Every process calls this function and contributes its random generators and running sums.
    """
    mine = {"generators": generator_states(), "meter": progress.meter.state()}
    return {
        "epoch": progress.epoch,
        "batch": progress.batch,
        "step": progress.step,
        "bad_in_a_row": progress.bad_in_a_row,
        "optimizer": optimizer.state_dict(),
        "per_rank": distributed.gather(mine),
    }


def read_progress(state: Mapping[str, Any], last_path: Path) -> Progress:
    """Return the progress that `trainer_state` stored.

    Raises:
        InputError: The number of processes has changed.
    """
    if len(state["per_rank"]) != distributed.world_size():
        raise InputError(
            f"{last_path} was written by {len(state['per_rank'])} processes and cannot be resumed "
            f"exactly by {distributed.world_size()}; use the same number of processes"
        )
    meter = Meter.from_state(state["per_rank"][distributed.rank()]["meter"])
    return Progress(state["epoch"], state["batch"], state["step"], state["bad_in_a_row"], meter)


def load_weights(
    content: Mapping[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    last_path: Path,
) -> None:
    """Load the model and the optimizer from the content of `last.pt`.

    The optimizer keeps the weight decay and betas of the config, which may have changed, and the
    factors of its learning rates, which old checkpoints do not contain.

    Raises:
        InputError: The content belongs to another model.
    """
    configured = [
        {name: group[name] for name in ("weight_decay", "betas", "lr_factor")}
        for group in optimizer.param_groups
    ]
    try:
        model.load_state_dict(content["model"])
        optimizer.load_state_dict(content["trainer"]["optimizer"])
        for group, settings in zip(optimizer.param_groups, configured, strict=True):
            group.update(settings)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{last_path} does not fit this model: {str(error).splitlines()[0]}; "
            "restore the config, or use another --exp-dir"
        ) from None
