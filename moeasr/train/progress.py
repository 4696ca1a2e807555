"""The progress of a training: the part of `last.pt` that belongs to the trainer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from moeasr import distributed
from moeasr.errors import InputError
from moeasr.seed import generator_states, seed_all
from moeasr.train.meter import Meter
from moeasr.train.optimizer_state import load_optimizer


class Part(NamedTuple):
    """A part of an epoch that a number of processes has finished."""

    num_processes: int
    """Number of processes."""
    num_batches: int
    """Number of micro-batches of each process."""


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
    earlier: tuple[Part, ...] = ()
    """Parts of this epoch that other numbers of processes have finished."""
    epoch_steps: int | None = None
    """Number of steps of an epoch in the latest run; None before the first one."""
    schedule_shift: int = 0
    """Difference between the place of a step in the learning-rate schedule and its number. If the
    batches or the number of processes change, the place becomes that of a training with the new
    ones from the start, so that the schedule ends with the training."""

    def start_epoch(self, epoch: int) -> None:
        """Go to the first batch of an epoch."""
        self.epoch, self.batch, self.meter, self.earlier = epoch, 0, Meter(), ()


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
        "earlier": [list(part) for part in progress.earlier],
        "epoch_steps": progress.epoch_steps,
        "schedule_shift": progress.schedule_shift,
        "optimizer": optimizer.state_dict(),
        "per_rank": distributed.gather(mine),
    }


def read_progress(state: Mapping[str, Any]) -> Progress:
    """Return the progress that `trainer_state` stored.

    If the number of processes has changed, the finished batches of this epoch become a part of
    `Progress.earlier`, and each process goes on with the sums of one or several earlier processes.
    """
    per_rank, now = state["per_rank"], distributed.world_size()
    earlier = tuple(Part(*part) for part in state.get("earlier", ()))
    batch = state["batch"]
    if len(per_rank) != now and batch > 0:
        earlier, batch = (*earlier, Part(len(per_rank), batch)), 0
    mine = [saved["meter"] for saved in per_rank[distributed.rank() :: now]]
    progress = Progress(state["epoch"], batch, state["step"], state["bad_in_a_row"])
    progress.meter = Meter.from_states(mine, latest=per_rank[0]["meter"]["latest"])
    progress.earlier = earlier
    progress.epoch_steps = state.get("epoch_steps")
    progress.schedule_shift = state.get("schedule_shift", 0)
    return progress


def read_generators(state: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return the generator states of this process that `trainer_state` stored.

    A process that did not exist gets generators that depend on the seed, its rank and the step.
    """
    per_rank, rank = state["per_rank"], distributed.rank()
    if rank < len(per_rank):
        return per_rank[rank]["generators"]
    sequence = np.random.SeedSequence([seed, rank, state["step"]])
    seed_all(int(sequence.generate_state(1)[0]))
    return generator_states()


def load_weights(
    content: Mapping[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    last_path: Path,
) -> None:
    """Load the model and the optimizer from the content of `last.pt`.

    The optimizer keeps the settings of the config, which may have changed.

    Raises:
        InputError: The content belongs to another model.
    """
    try:
        model.load_state_dict(content["model"])
        load_optimizer(optimizer, content["trainer"]["optimizer"])
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]  # torch lists every tensor, a line each
        raise InputError(
            f"{last_path} does not fit this model: {reason}; "
            "restore the config, or use another --exp-dir"
        ) from None
