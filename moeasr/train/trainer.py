"""The training loop. It knows batches and losses, but neither speech nor files of features."""

import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from moeasr import distributed
from moeasr.bars import Bar
from moeasr.errors import InputError
from moeasr.logs import MetricWriter, get_logger
from moeasr.models.outputs import LossOutput
from moeasr.seed import restore_generators
from moeasr.train.checkpoint_keeper import CheckpointKeeper, EpochScore
from moeasr.train.config import TrainConfig
from moeasr.train.evaluation import evaluate
from moeasr.train.gradients import finish_gradients
from moeasr.train.meter import add_loads, sum_loads
from moeasr.train.optim import build_optimizer
from moeasr.train.progress import Progress, load_weights, read_progress, trainer_state
from moeasr.train.schedule import learning_rate_factor
from moeasr.train.stopping import Stopper
from moeasr.train.training_time import TrainingTime

logger = get_logger(__name__)
BatchT = TypeVar("BatchT")


class BatchSource(Protocol[BatchT]):
    """A source of batches. The same epoch always gives the same batches in the same order."""

    def num_batches(self, epoch: int) -> int:
        """Return the number of batches of this process; in training all processes have as many."""
        ...

    def stream(self, epoch: int, start: int) -> Generator[BatchT, None, None]:
        """Yield the batches of an epoch from number `start` on, without loading those before."""
        ...


class Trainer(Generic[BatchT]):
    """Trains a model to the end of its last epoch, from wherever an earlier run stopped.

    Gradients are summed over micro-batches and processes as they are, and divided once by the
    summed weight, so that two processes and two accumulated micro-batches are the same step.

    Args:
        model: Already on `device`.
        loss_of: The loss of one micro-batch.
        describe: Names the utterances of a batch, for messages.
        train: Training batches.
        dev: Development batches (every process goes through its share).
        config: The `train:` section.
        exp_dir: Where everything is written, by the first process.
        metadata: What every checkpoint holds beside weights.
        device: Where the model is.
        restart_epoch: Begin an epoch that was stopped in the middle again from its first batch:
            its batches are other ones now.
        after_step: Called after each step that changed the weights, with the expert loads of all
            its micro-batches and processes: balances routers without a loss. None for models that
            have no use for it.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_of: Callable[[BatchT], LossOutput],
        describe: Callable[[BatchT], str],
        train: BatchSource[BatchT],
        dev: BatchSource[BatchT],
        config: TrainConfig,
        exp_dir: Path,
        metadata: Mapping[str, Any],
        device: torch.device,
        restart_epoch: bool = False,
        after_step: Callable[[Mapping[str, Tensor]], None] | None = None,
    ) -> None:
        self._restart_epoch = restart_epoch
        self._after_step = after_step
        self._model = model
        self._loss_of = loss_of
        self._describe = describe
        self._train = train
        self._dev = dev
        self._config = config
        self._exp_dir = exp_dir
        self._device = device
        self._optimizer = build_optimizer(model, config.optim)
        # Of the first epoch, times all: later ones may have a batch more or less.
        self._total_steps = -(-train.num_batches(1) // config.accum_steps) * config.max_epochs
        self._keeper = CheckpointKeeper(exp_dir, metadata, config.keep_best, config.keep_last)
        self._stopper = Stopper(self._save_before_stop)
        self._progress = Progress()

    def run(self) -> None:
        """Train, or resume, to the end.

        Raises:
            InputError: Too many steps in a row were not finite, or `last.pt` does not fit.
            SystemExit: With status 143 after SIGTERM, once `last.pt` is written.
        """
        states = self._resume()
        if self._progress.epoch > self._config.max_epochs:
            logger.info("training is already finished: %d epochs", self._progress.epoch - 1)
            return
        writer = MetricWriter(self._exp_dir if distributed.is_main() else None, self._progress.step)
        try:
            with self._stopper.listening(), self._bar() as bar:
                while self._progress.epoch <= self._config.max_epochs:
                    self._run_epoch(writer, states, bar)
                    states = None
        finally:
            writer.close()
        logger.info(
            "training finished: %d epochs, %d steps", self._progress.epoch - 1, self._progress.step
        )

    def _bar(self) -> Bar:
        """Return the progress bar of the whole training."""
        total, done = self._total_steps, self._progress.step
        say, is_main = logger.info, distributed.is_main()
        return Bar("training", max(total, done), "steps", done, say, is_shown=is_main)

    def _run_epoch(self, writer: MetricWriter, states: dict[str, Any] | None, bar: Bar) -> None:
        """Train for the rest of an epoch, evaluate, and save."""
        accum = self._config.accum_steps
        num_batches = self._train.num_batches(self._progress.epoch)
        # Counted from the batch that is next: a resumed epoch may have another `accum_steps`.
        steps_left = -(-(num_batches - self._progress.batch) // accum)
        if states is not None:
            restore_generators(states)
        start = time.monotonic()
        self._model.train()
        bar.describe(f"training, epoch {self._progress.epoch} of {self._config.max_epochs}")
        # closing: loader processes end here, not whenever the last reference to them goes
        with closing(self._train.stream(self._progress.epoch, self._progress.batch)) as stream:
            for _ in range(steps_left):
                self._run_step(self._stopper.take(stream, accum))
                bar.advance()
                if self._progress.step % self._config.log_every_steps == 0:
                    writer.write("train", self._progress.step, self._progress.meter.means())
                self._stopper.stop_if_requested()
                if self._progress.step % self._config.save_every_steps == 0:
                    self._save_last()
        self._finish_epoch(writer, self._progress.meter.means(), time.monotonic() - start)

    def _run_step(self, batches: list[BatchT]) -> None:
        """Make one optimizer step over the micro-batches of this process and all others."""
        weight = torch.zeros((), device=self._device)
        bad = []
        loads: dict[str, Tensor] = {}
        for batch in batches:
            output = self._loss(batch)
            if torch.isfinite(output.loss):
                output.loss.backward()
                weight += output.weight
                add_loads(loads, output.expert_loads)
                self._progress.meter.add(output)
            else:
                bad.append(self._describe(batch))
        self._progress.batch += len(batches)
        self._progress.step += 1
        norm = finish_gradients(self._model, weight, self._config.grad_clip)
        if norm is not None:
            lr = self._set_learning_rate()
            self._optimizer.step()
            if self._after_step is not None:
                self._after_step(sum_loads(loads))
            self._progress.meter.note(grad_norm=norm, lr=lr)
        self._optimizer.zero_grad(set_to_none=True)
        self._count_bad(norm is not None, bad)

    def _loss(self, batch: BatchT) -> LossOutput:
        """Return the loss of a batch, computed in the precision of the config."""
        enabled = self._config.precision == "bf16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=enabled):
            return self._loss_of(batch)

    def _set_learning_rate(self) -> float:
        factor = learning_rate_factor(self._progress.step, self._total_steps, self._config.schedule)
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.optim.lr * factor
        return self._config.optim.lr * factor

    def _count_bad(self, finite: bool, bad: list[str]) -> None:
        """Report what was left out of this step, and give up after too many."""
        for utterances in bad:
            logger.warning(
                "step %d: loss not finite, left out: %s", self._progress.step, utterances
            )
        if not finite and not bad:
            logger.warning("step %d: gradient not finite, step left out", self._progress.step)
        in_a_row = 0 if finite else self._progress.bad_in_a_row + 1
        self._progress.bad_in_a_row = in_a_row
        if in_a_row >= self._config.max_bad_steps:
            raise InputError(
                f"{in_a_row} steps in a row (up to step {self._progress.step}) had no finite loss "
                "or gradient; try a lower `train.optim.lr` or a longer warm-up"
            )

    def _finish_epoch(
        self, writer: MetricWriter, train_metrics: dict[str, float], seconds: float
    ) -> None:
        """Evaluate, log, and write the checkpoints of an epoch."""
        with closing(self._dev.stream(0, 0)) as stream:
            dev = evaluate(self._model, stream, self._loss, self._describe, self._stopper)
        writer.write("dev", self._progress.step, dev.means)
        usage = {**dev.usage.summary, **dev.usage.shares}
        if usage:
            writer.write("experts", self._progress.step, usage)
        dev_loss, dev_acc = (dev.means.get(name, math.nan) for name in ("loss", "acc"))
        logger.info(
            "epoch %d: train loss %.3f, dev loss %.3f, dev acc %.4f, step %d, lr %.2e, %.0f s%s",
            self._progress.epoch,
            train_metrics.get("loss", math.nan),
            dev_loss,
            dev_acc,
            self._progress.step,
            train_metrics.get("lr", math.nan),
            seconds,
            dev.usage.describe(),
        )
        cost = dev_loss if self._config.best_by == "loss" else -dev_acc
        if dev.num_bad:  # the others' mean would flatter an epoch that has got worse
            cost = math.inf
        info = {"dev_loss": dev_loss, "dev_acc": dev_acc, "cost": cost}
        if distributed.is_main():
            score = EpochScore(self._progress.epoch, cost)
            self._keeper.save_epoch(self._model.state_dict(), score, {**self._info(), **info})
        self._progress.start_epoch(self._progress.epoch + 1)
        self._save_last()

    def _info(self) -> dict[str, Any]:
        return {"epoch": self._progress.epoch, "step": self._progress.step}

    def _save_last(self) -> None:
        """Write `last.pt`; all processes call this at the same point."""
        state = trainer_state(self._progress, self._optimizer)
        if distributed.is_main():
            self._keeper.save_last(self._model.state_dict(), self._info(), state)
            self._time.save()

    def _save_before_stop(self) -> None:
        self._save_last()
        logger.info("stopped by SIGTERM at step %d; run again to resume", self._progress.step)

    def _resume(self) -> dict[str, Any] | None:
        """Load `last.pt` if there is one; return the generator states still to restore."""
        content = self._keeper.load_last()
        self._time = TrainingTime(self._exp_dir, is_resumed=content is not None)
        if content is None:
            self._save_last()  # from here on every stop, however early, has something to resume
            return None
        last_path, state = self._keeper.last_path, content["trainer"]
        self._progress = read_progress(state, last_path)
        if self._progress.epoch > self._config.max_epochs:
            return None  # nothing is left to train: an optimizer of an older version will do
        load_weights(content, self._model, self._optimizer, last_path)
        if self._restart_epoch and self._progress.batch > 0:
            logger.warning(
                "epoch %d begins again from its first batch, because its batches have changed: "
                "the utterances of %d old batches are seen twice",
                self._progress.epoch,
                self._progress.batch,
            )
            self._progress.start_epoch(self._progress.epoch)
        logger.info("resuming at epoch %d, step %d", self._progress.epoch, self._progress.step)
        return state["per_rank"][distributed.rank()]["generators"]
