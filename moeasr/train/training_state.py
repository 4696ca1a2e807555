"""The state of a training that changes from step to step: saving it, and resuming from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from moeasr import distributed
from moeasr.logs import get_logger
from moeasr.train.checkpoint_keeper import CheckpointKeeper, EpochScore
from moeasr.train.progress import (
    Progress,
    load_weights,
    read_generators,
    read_progress,
    trainer_state,
)
from moeasr.train.replication import Replication
from moeasr.train.training_time import TrainingTime
from moeasr.train.weight_average import WeightAverage

logger = get_logger(__name__)


class TrainingState:
    """The model, its optimizer, its moving average and the progress of its training.

    Args:
        model: The model.
        parallel: The way in which the processes hold the model.
        optimizer: The optimizer of the model.
        ema_decay: Decay of the moving average per step; 0 for none.
        keeper: The checkpoints of the experiment.
        exp_dir: The directory of the experiment.
        seed: Seed of the training.

    Attributes:
        progress: The progress of the training.
        has_other_processes: True if this run has resumed with another number of processes.
    """

    def __init__(
        self,
        model: nn.Module,
        parallel: Replication,
        optimizer: torch.optim.Optimizer,
        ema_decay: float,
        keeper: CheckpointKeeper,
        exp_dir: Path,
        seed: int,
    ) -> None:
        self.progress = Progress()
        self.has_other_processes = False
        self._model = model
        self._parallel = parallel
        self._optimizer = optimizer
        has_average = ema_decay > 0 and parallel.keeps_average
        self._average = WeightAverage(model, ema_decay) if has_average else None
        self._keeper = keeper
        self._exp_dir = exp_dir
        self._seed = seed

    def update_average(self) -> None:
        """Add the weights after a step to the moving average, if there is one."""
        if self._average is not None:
            self._average.update(self._model)

    def save_last(self) -> None:
        """Write `last.pt`; all processes call this at the same point."""
        state = trainer_state(self.progress, self._optimizer)
        if self._average is not None:
            state["ema"] = self._average.state()
        self._keeper.save_last(self._parallel.state(), self._info(), state)
        if distributed.is_main():
            self._time.save()

    def save_epoch(self, cost: float, metrics: Mapping[str, float]) -> None:
        """Write the checkpoints of a finished epoch; all processes call this at the same point.

        Args:
            cost: The value by which epochs are ranked.
            metrics: The metrics that the checkpoint carries.
        """
        score, info = EpochScore(self.progress.epoch, cost), {**self._info(), **metrics}
        weights = self._parallel.whole(self._parallel.state())
        if distributed.is_main():
            self._keeper.save_epoch(weights, score, {**info, "cost": cost})
        if self._average is not None:
            weights = self._parallel.whole(self._average.weights())
            if distributed.is_main():
                self._keeper.save_average(weights, self._info())

    def resume(self, max_epochs: int) -> dict[str, Any] | None:
        """Load `last.pt` if it exists, and return the generator states that are to be restored.

        Args:
            max_epochs: Number of epochs of the training. If they are finished, only the progress is
                loaded.

        Raises:
            InputError: `last.pt` belongs to another training or cannot be read.
        """
        content = self._keeper.load_last()
        self._time = TrainingTime(self._exp_dir, is_resumed=content is not None)
        if content is None:
            self.save_last()  # so that a run that is stopped before its first save can resume
            return None
        state = content["trainer"]
        self.progress = read_progress(state)
        if self.progress.epoch > max_epochs:
            return None  # a finished training does not need its optimizer, which may be outdated
        self._keeper.complete_last(content, self._model, self._optimizer)
        load_weights(content, self._model, self._optimizer, self._keeper.last_path)
        if self._average is not None:
            self._average.load(state.get("ema"), self._model)
        self.has_other_processes = len(state["per_rank"]) != distributed.world_size()
        if self.has_other_processes:
            self._warn_of_processes(len(state["per_rank"]))
        return read_generators(state, self._seed)

    def _warn_of_processes(self, before: int) -> None:
        """Warn that the number of processes has changed."""
        now = distributed.world_size()
        logger.warning(
            "the number of processes is %d, but was %d: the remaining utterances of epoch %d are "
            "divided among them. A step has %d/%d of the utterances unless `train.accum_steps` "
            "changes, and the weights will differ from those of a run without this change",
            *(now, before, self.progress.epoch, now, before),
        )

    def _info(self) -> dict[str, Any]:
        return {"epoch": self.progress.epoch, "step": self.progress.step}
