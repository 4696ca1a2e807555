"""How far a training is: the part of `last.pt` that belongs to the trainer."""

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
    """How far a training is."""

    epoch: int = 1
    """The epoch in progress, from 1."""
    batch: int = 0
    """Micro-batches of this epoch that this process has finished."""
    step: int = 0
    """Optimizer steps that are done."""
    bad_in_a_row: int = 0
    """Latest steps without a finite gradient."""
    meter: Meter = field(default_factory=Meter)
    """Running sums over this epoch."""

    def start_epoch(self, epoch: int) -> None:
        """Go to the first batch of an epoch."""
        self.epoch, self.batch, self.meter = epoch, 0, Meter()


def trainer_state(progress: Progress, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return all that an exact resume needs beside weights; every process calls this.

    Each process contributes its generators and running sums.
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
        InputError: It was stored by another number of processes.
    """
    if len(state["per_rank"]) != distributed.world_size():
        raise InputError(
            f"{last_path} was written by {len(state['per_rank'])} processes and "
            f"cannot be resumed exactly by {distributed.world_size()}"
        )
    meter = Meter.from_state(state["per_rank"][distributed.rank()]["meter"])
    return Progress(state["epoch"], state["batch"], state["step"], state["bad_in_a_row"], meter)


def load_weights(
    content: Mapping[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    last_path: Path,
) -> None:
    """Load model and optimizer from the content of `last.pt`.

    The optimizer keeps the weight decay and betas of the config, which may have changed meanwhile.

    Raises:
        InputError: They are of another model.
    """
    configured = [
        {name: group[name] for name in ("weight_decay", "betas")}
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
            "was the config changed? use another --exp-dir"
        ) from None
