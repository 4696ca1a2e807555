"""The training loop. It depends on batches and losses, but not on speech or feature files."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor, nn

from moeasr import distributed
from moeasr.bars import Bar, duration
from moeasr.logs import get_logger
from moeasr.models.outputs import LossOutput
from moeasr.plurals import counted
from moeasr.seed import restore_generators
from moeasr.train.bad_steps import count_bad_step
from moeasr.train.batch_source import BatchSource, BatchT
from moeasr.train.checkpoint_keeper import CheckpointKeeper
from moeasr.train.config import TrainConfig
from moeasr.train.evaluation import EpochEnd, EvaluatedBatch, evaluate
from moeasr.train.freezing import Freezing, check_reached
from moeasr.train.gradients import finish_gradients
from moeasr.train.meter import add_loads, sum_loads
from moeasr.train.optim import build_optimizer, set_learning_rate
from moeasr.train.out_of_memory import naming_batches
from moeasr.train.parallel import parallelise
from moeasr.train.progress import Progress
from moeasr.train.stopping import Stopper
from moeasr.train.training_state import TrainingState
from moeasr.train.writers import Writers, find_writers

logger = get_logger(__name__)


class Trainer(Generic[BatchT]):
    """A training of a model to the end of its last epoch, which resumes where a run stopped.

    Gradients are summed over micro-batches and processes, and divided once by the number of
    utterances. A step of two processes therefore equals a step of two accumulated micro-batches.

    Args:
        model: The model, already on `device`.
        loss_of: Function that returns the loss of a micro-batch.
        describe: Function that returns the names of the utterances of a batch, for messages.
        train: Training batches.
        dev: Development batches; every process evaluates its share.
        config: The `train:` section.
        exp_dir: The directory of the experiment, to which the first process writes.
        metadata: Content of every checkpoint beside the weights.
        device: The device of the model.
        restart_epoch: True to restart an epoch that was stopped in the middle, because its batches
            have changed.
        before_step: Function that is called with the number of each step, from 1 on, before the
            step. None for losses that do not depend on the step.
        after_step: Function that is called after each step that changed the weights, with the
            expert loads of all its micro-batches and processes. It balances routers that have no
            balance loss. None for models without such routers.
        evaluate_batch: Function that returns the loss and the word errors of a development batch.
            None evaluates the loss alone.
        after_epoch: Function that the first process calls after each epoch, to draw pictures.

    Raises:
        InputError: `train.writers` names an unknown writer, or `train.freeze` or
            `train.optim.lr_factors` an unknown module.
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
        before_step: Callable[[int], None] | None = None,
        after_step: Callable[[Mapping[str, Tensor]], None] | None = None,
        evaluate_batch: Callable[[BatchT], EvaluatedBatch] | None = None,
        after_epoch: Callable[[EpochEnd], None] | None = None,
    ) -> None:
        self._restart_epoch = restart_epoch
        self._before_step = before_step
        self._after_step = after_step
        self._model = model
        self._loss_of = loss_of
        self._evaluate_batch = evaluate_batch
        self._after_epoch = after_epoch
        self._describe = describe
        self._train = train
        self._dev = dev
        self._config = config
        self._exp_dir = exp_dir
        self._device = device
        self._parallel = parallelise(model, config, device)
        self._freezing = Freezing(model, config.freeze)
        self._optimizer = build_optimizer(model, config.optim)
        # The first epoch gives the estimate for all; later epochs may have a batch more or less.
        self._epoch_steps = -(-train.num_batches(1) // config.accum_steps)
        self._total_steps = self._epoch_steps * config.max_epochs
        keeper = CheckpointKeeper(exp_dir, metadata, config.keep_best, config.keep_last)
        parts = (model, self._parallel, self._optimizer, config.ema.decay)
        self._state = TrainingState(*parts, keeper, exp_dir, metadata.get("seed", 0))
        self._stopper = Stopper(self._save_before_stop)
        self._writer_kinds = find_writers(config.writers) if distributed.is_main() else {}

    def run(self) -> None:
        """Train, or resume, to the end.

        Raises:
            InputError: Too many successive steps were not finite, or `last.pt` does not fit.
            SystemExit: A SIGTERM arrived. The status is 143, after `last.pt` has been written.
        """
        states = self._resume()
        if self._progress.epoch > self._config.max_epochs:
            logger.info(
                "training is already finished: %s; a larger `train.max_epochs` resumes it",
                counted(self._progress.epoch - 1, "epoch"),
            )
            return
        writers = Writers(self._writer_kinds, self._exp_dir, self._progress.step)
        try:
            saved = self._state.background.finished()
            with self._stopper.listening(), self._bar() as bar, saved:
                while self._progress.epoch <= self._config.max_epochs:
                    self._run_epoch(writers, states, bar)
                    states = None
        finally:
            writers.close()
        epochs = counted(self._progress.epoch - 1, "epoch")
        logger.info("training finished: %s, %s", epochs, counted(self._progress.step, "step"))

    def rehearse(self, batch: BatchT) -> None:
        """Make a step of the last epoch, which trains most parameters, and write nothing.

        All processes call this together, to check memory and time.
        """
        self._model.train()
        self._freezing.start_epoch(self._config.max_epochs)
        self._run_step([batch])

    @property
    def _progress(self) -> Progress:
        """The progress of the training."""
        return self._state.progress

    def _bar(self) -> Bar:
        """Return the progress bar of the whole training."""
        done, is_main = self._progress.step, distributed.is_main()
        total = self._total_steps - self._progress.schedule_shift
        return Bar("training", max(total, done), "steps", done, logger.info, is_shown=is_main)

    def _run_epoch(self, writers: Writers, states: dict[str, Any] | None, bar: Bar) -> None:
        """Train for the rest of an epoch, evaluate, and save."""
        accum = self._config.accum_steps
        num_batches = self._train.num_batches(self._progress.epoch)
        # Counted from the next batch, because a resumed epoch may have another `accum_steps`.
        steps_left = -(-(num_batches - self._progress.batch) // accum)
        if states is not None:
            restore_generators(states)
        start = time.monotonic()
        self._model.train()
        self._freezing.start_epoch(self._progress.epoch)
        bar.describe(f"training, epoch {self._progress.epoch} of {self._config.max_epochs}")
        # `closing` ends the loader processes here, not when their last reference disappears.
        with closing(self._train.stream(self._progress.epoch, self._progress.batch)) as stream:
            for _ in range(steps_left):
                batches = self._stopper.take(stream, accum)
                with naming_batches(f"step {self._progress.step + 1}", self._describe, batches):
                    self._run_step(batches)
                bar.advance()
                if self._progress.step % self._config.log_every_steps == 0:
                    writers.write("train", self._progress.step, self._progress.meter.means())
                self._stopper.stop_if_requested()
                self._state.background.check()
                if self._progress.step % self._config.save_every_steps == 0:
                    self._state.save_last()
        self._finish_epoch(writers, self._progress.meter.means(), time.monotonic() - start)

    def _run_step(self, batches: list[BatchT]) -> None:
        """Make one optimizer step over the micro-batches of all processes.

        Args:
            batches: The micro-batches of this process.
        """
        weight = torch.zeros((), device=self._device)
        bad = []
        loads: dict[str, Tensor] = {}
        if self._before_step is not None:
            self._before_step(self._progress.step + 1)
        for number, batch in enumerate(batches, start=1):
            output = self._loss(batch).with_statistics_on_cpu()
            check_reached(output.loss)
            is_finite = bool(torch.isfinite(output.loss))
            self._parallel.backward(output.loss, is_finite, is_last=number == len(batches))
            if is_finite:
                weight += output.weight
                add_loads(loads, output.expert_loads)
                self._progress.meter.add(output)
            else:
                bad.append(self._describe(batch))
        self._progress.batch += len(batches)
        self._progress.step += 1
        weight = self._parallel.sum_gradients(weight)
        norm = finish_gradients(self._model, weight, self._config.grad_clip)
        if norm is not None:
            place = self._progress.step + self._progress.schedule_shift
            lr = set_learning_rate(self._optimizer, self._config, place, self._total_steps)
            self._optimizer.step()
            if self._after_step is not None:
                self._after_step(sum_loads(loads))
            self._state.update_average()
            self._progress.meter.note(grad_norm=norm, lr=lr)
        self._optimizer.zero_grad(set_to_none=True)
        count_bad_step(self._progress, norm is not None, bad, self._config.max_bad_steps)

    def _loss(self, batch: BatchT) -> LossOutput:
        """Return the loss of a batch, computed in the precision of the config."""
        with self._precision():
            return self._parallel.run(self._loss_of, batch)

    def _precision(self) -> torch.autocast:
        enabled = self._config.precision == "bf16"
        return torch.autocast(self._device.type, torch.bfloat16, enabled=enabled)

    def _evaluate(self, batch: BatchT) -> EvaluatedBatch:
        """Return the loss and errors of a dev batch, computed in the precision of the config."""
        if self._evaluate_batch is None:
            return EvaluatedBatch(self._loss(batch))
        with self._precision():
            return self._parallel.run(self._evaluate_batch, batch)

    def _finish_epoch(
        self, writers: Writers, train_metrics: dict[str, float], seconds: float
    ) -> None:
        """Evaluate, log, and write the checkpoints of an epoch."""
        with closing(self._dev.stream(0, 0)) as stream, self._parallel.whole_model():
            dev = evaluate(self._model, stream, self._evaluate, self._describe, self._stopper)
        end = EpochEnd(self._progress.epoch, self._progress.step, dev, writers)
        writers.write("dev", end.step, dev.means)
        usage = {**dev.usage.summary, **dev.usage.shares}
        if usage:
            writers.write("experts", end.step, usage)
        logger.info(
            "epoch %d of %d: train loss %.3f, %s, step %d, learning rate %.2e, %s%s",
            *(end.epoch, self._config.max_epochs, train_metrics.get("loss", math.nan)),
            *(dev.describe(), end.step, train_metrics.get("lr", math.nan)),
            *(duration(seconds), dev.usage.describe()),
        )
        self._state.save_epoch(dev.cost(self._config.best_by), dev.named_metrics())
        self._progress.start_epoch(end.epoch + 1)
        self._state.save_last()
        self._stopper.stop_if_requested()  # pictures may take longer than a batch system waits
        if self._after_epoch is not None:
            with self._parallel.whole_model(), self._precision():
                if distributed.is_main():
                    self._parallel.run(self._after_epoch, end)

    def _save_before_stop(self) -> None:
        self._state.save_last()
        self._state.background.wait()
        logger.info("stopped by SIGTERM at step %d; run again to resume", self._progress.step)

    def _resume(self) -> dict[str, Any] | None:
        """Load `last.pt` if it exists, and return the generator states that are to be restored."""
        states = self._state.resume(self._config.max_epochs)
        progress = self._progress
        earlier_steps, progress.epoch_steps = progress.epoch_steps, self._epoch_steps
        if progress.step == 0 or progress.epoch > self._config.max_epochs:
            return None
        restarts = self._restart_epoch and (progress.batch > 0 or progress.earlier)
        if restarts:
            num_used = progress.batch + sum(part.num_batches for part in progress.earlier)
            logger.warning(
                "epoch %d restarts from its first batch, because its batches have changed: the "
                "utterances of %s are used twice",
                *(progress.epoch, counted(num_used, "earlier batch", "earlier batches")),
            )
            progress.start_epoch(progress.epoch)
        if progress.earlier:
            self._train.leave_out(progress.epoch, progress.earlier)
        has_other_steps = earlier_steps not in (None, self._epoch_steps)
        if restarts or has_other_steps or self._state.has_other_processes:
            progress.schedule_shift = self._total_steps - self._steps_left() - progress.step
        logger.info("resuming at epoch %d, step %d", progress.epoch, progress.step)
        return states

    def _steps_left(self) -> int:
        """Return the number of steps to the end of the training."""
        rest = self._train.num_batches(self._progress.epoch) - self._progress.batch
        later = (self._config.max_epochs - self._progress.epoch) * self._epoch_steps
        return -(-rest // self._config.accum_steps) + later
