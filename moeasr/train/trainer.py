"""The training loop. It knows batches and losses, but neither speech nor files of features."""

import math
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Generic, NoReturn, Protocol, TypeVar

import torch
from torch import Tensor, nn

from moeasr import distributed
from moeasr.errors import InputError
from moeasr.logs import MetricWriter, get_logger, progress
from moeasr.models.outputs import LossOutput
from moeasr.seed import generator_states, restore_generators
from moeasr.train.checkpoint_keeper import CheckpointKeeper, EpochScore
from moeasr.train.config import TrainConfig
from moeasr.train.meter import Meter, add_loads, sum_loads
from moeasr.train.optim import build_optimizer
from moeasr.train.schedule import learning_rate_factor

logger = get_logger(__name__)
BatchT = TypeVar("BatchT")
STOPPED_BY_SIGNAL = 128 + signal.SIGTERM  # what a shell reports for a process ended by SIGTERM


class _StopWaiting(BaseException):
    """A SIGTERM came while the trainer waited for a batch. No `Exception`: no reader catches it."""


class BatchSource(Protocol[BatchT]):
    """Where batches come from. The same epoch always gives the same batches in the same order."""

    def num_batches(self, epoch: int) -> int:
        """Batches of this process in an epoch; of training, the same number on every process."""
        ...

    def stream(self, epoch: int, start: int) -> Generator[BatchT, None, None]:
        """The batches of an epoch from number `start` on, without loading those before."""
        ...


class Trainer(Generic[BatchT]):
    """Trains a model to the end of its last epoch, from wherever an earlier run stopped.

    Gradients are summed over micro-batches and processes as they are, and divided once by the
    summed weight, so that two processes and two accumulated micro-batches are the same step.
    They are summed by one explicit all-reduce per step rather than by DistributedDataParallel:
    a process may then skip a bad micro-batch, or have experts nobody was sent to, without the
    others waiting for it forever.

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
        self._epoch = 1
        self._batch = 0  # micro-batches of this epoch already done
        self._step = 0  # optimizer steps done
        self._bad_in_a_row = 0
        self._meter = Meter()
        self._stop_requested = False
        self._is_waiting = False

    def run(self) -> None:
        """Train, or resume, to the end.

        Raises:
            InputError: Too many steps in a row were not finite, or `last.pt` does not fit.
            SystemExit: With status 143 after SIGTERM, once `last.pt` is written.
        """
        states = self._resume()
        if self._epoch > self._config.max_epochs:
            logger.info("training is already finished: %d epochs", self._epoch - 1)
            return
        writer = MetricWriter(self._exp_dir if distributed.is_main() else None, self._step)
        try:
            with self._stop_on_sigterm():
                while self._epoch <= self._config.max_epochs:
                    self._run_epoch(writer, states)
                    states = None
        finally:
            writer.close()
        logger.info("training finished: %d epochs, %d steps", self._epoch - 1, self._step)

    def _run_epoch(self, writer: MetricWriter, states: dict[str, Any] | None) -> None:
        accum = self._config.accum_steps
        num_batches = self._train.num_batches(self._epoch)
        # Counted from the batch that is next: a resumed epoch may have another `accum_steps`.
        steps_left = -(-(num_batches - self._batch) // accum)
        steps_done = self._batch // accum
        if states is not None:
            restore_generators(states)
        start = time.monotonic()
        self._model.train()
        steps: Iterable[int] = range(steps_left)
        desc = f"epoch {self._epoch}/{self._config.max_epochs}"
        if distributed.is_main():
            steps = progress(steps, desc, steps_done + steps_left, "step", initial=steps_done)
        # closing: loader processes end here, not whenever the last reference to them goes
        with closing(self._train.stream(self._epoch, self._batch)) as stream:
            for _ in steps:
                self._run_step(self._take(stream, accum))
                if self._step % self._config.log_every_steps == 0:
                    writer.write("train", self._step, self._meter.means())
                self._stop_if_asked()
                if self._step % self._config.save_every_steps == 0:
                    self._save_last()
        self._finish_epoch(writer, self._meter.means(), time.monotonic() - start)

    def _take(self, stream: Iterator[BatchT], count: int) -> list[BatchT]:
        """Take up to `count` batches from a stream.

        A SIGTERM ends the run here, between two steps, even if the next batch never comes. Several
        processes have to stop together, after the step.
        """
        try:
            self._is_waiting = distributed.world_size() == 1
            return list(islice(stream, count))
        except _StopWaiting:
            self._stop()
        finally:
            self._is_waiting = False

    def _stop_if_asked(self) -> None:
        """Stop if any process was asked to; all processes call this at the same point."""
        if distributed.any_rank(self._stop_requested):
            self._stop()

    def _stop(self) -> NoReturn:
        self._save_last()
        logger.info("stopped by SIGTERM at step %d; run again to resume", self._step)
        raise SystemExit(STOPPED_BY_SIGNAL)

    def _run_step(self, batches: list[BatchT]) -> None:
        """One optimizer step over the micro-batches of this process and all others."""
        weight = torch.zeros((), device=self._device)
        bad = []
        loads: dict[str, Tensor] = {}
        for batch in batches:
            with self._autocast():
                output = self._loss_of(batch)
            if torch.isfinite(output.loss):
                output.loss.backward()
                weight += output.weight
                add_loads(loads, output.expert_loads)
                self._meter.add(output)
            else:
                bad.append(self._describe(batch))
        self._batch += len(batches)
        self._step += 1
        weight = self._sum_gradients(weight)
        parameters = [p for p in self._model.parameters() if p.grad is not None]
        for parameter in parameters:
            parameter.grad.div_(weight.clamp(min=1.0))
        norm = nn.utils.clip_grad_norm_(parameters, self._config.grad_clip)
        finite = bool(torch.isfinite(norm)) and float(weight) > 0
        if finite:
            lr = self._set_learning_rate()
            self._optimizer.step()
            if self._after_step is not None:
                self._after_step(sum_loads(loads))
            self._meter.note(grad_norm=float(norm), lr=lr)
        self._optimizer.zero_grad(set_to_none=True)
        self._count_bad(finite, bad)

    def _sum_gradients(self, weight: Tensor) -> Tensor:
        """Sum gradients and weight over all processes; a missing gradient counts as zero."""
        if distributed.world_size() == 1:
            return weight
        parameters = [p for p in self._model.parameters() if p.requires_grad]
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([weight.reshape(1), *(p.grad.flatten() for p in parameters)])
        distributed.sum_in_place(flat)
        offset = 1
        for parameter in parameters:
            size = parameter.numel()
            parameter.grad.copy_(flat[offset : offset + size].view_as(parameter))
            offset += size
        return flat[0]

    def _set_learning_rate(self) -> float:
        factor = learning_rate_factor(self._step, self._total_steps, self._config.schedule)
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.optim.lr * factor
        return self._config.optim.lr * factor

    def _count_bad(self, finite: bool, bad: list[str]) -> None:
        """Report what was left out of this step, and give up after too many."""
        for utterances in bad:
            logger.warning("step %d: loss not finite, left out: %s", self._step, utterances)
        if not finite and not bad:
            logger.warning("step %d: gradient not finite, step left out", self._step)
        self._bad_in_a_row = 0 if finite else self._bad_in_a_row + 1
        if self._bad_in_a_row >= self._config.max_bad_steps:
            raise InputError(
                f"{self._bad_in_a_row} steps in a row (up to step {self._step}) had no finite loss "
                "or gradient; try a lower `train.optim.lr` or a longer warm-up"
            )

    def _finish_epoch(
        self, writer: MetricWriter, train_metrics: dict[str, float], seconds: float
    ) -> None:
        dev_metrics, usage, num_bad = self._evaluate()
        writer.write("dev", self._step, dev_metrics)
        if usage:
            writer.write("experts", self._step, usage)
        dev_loss, dev_acc = (dev_metrics.get(name, math.nan) for name in ("loss", "acc"))
        logger.info(
            "epoch %d: train loss %.3f, dev loss %.3f, dev acc %.4f, step %d, lr %.2e, %.0f s%s",
            self._epoch,
            train_metrics.get("loss", float("nan")),
            dev_loss,
            dev_acc,
            self._step,
            train_metrics.get("lr", float("nan")),
            seconds,
            "".join(f", {name} {value:.3g}" for name, value in usage.items() if "/" not in name),
        )
        cost = dev_loss if self._config.best_by == "loss" else -dev_acc
        if num_bad:  # the others' mean would flatter an epoch that has got worse
            cost = math.inf
        info = {"dev_loss": dev_loss, "dev_acc": dev_acc, "cost": cost}
        if distributed.is_main():
            score = EpochScore(self._epoch, cost)
            self._keeper.save_epoch(self._model.state_dict(), score, {**self._info(), **info})
        self._epoch += 1
        self._batch = 0
        self._meter = Meter()
        self._save_last()

    @torch.no_grad()
    def _evaluate(self) -> tuple[dict[str, float], dict[str, float], int]:
        """Dev metrics and expert usage, and how many batches were not finite, of all processes."""
        self._model.eval()
        meter, num_bad = Meter(), 0
        with closing(self._dev.stream(0, 0)) as stream:
            # processes have different numbers of these batches: they stop together after the loop
            while not self._stop_requested and (batches := self._take(stream, 1)):
                with self._autocast():
                    output = self._loss_of(batches[0])
                if torch.isfinite(output.loss):
                    meter.add(output)
                else:
                    num_bad += 1
                    utterances = self._describe(batches[0])
                    logger.warning("dev loss not finite, left out: %s", utterances)
        self._model.train()
        self._stop_if_asked()  # a resumed run evaluates again
        return meter.means(), meter.usage(), sum(distributed.gather(num_bad))

    def _autocast(self) -> torch.autocast:
        enabled = self._config.precision == "bf16"
        return torch.autocast(self._device.type, torch.bfloat16, enabled=enabled)

    def _info(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "step": self._step}

    def _save_last(self) -> None:
        """Write `last.pt`; every process contributes its generators and running sums."""
        mine = {"generators": generator_states(), "meter": self._meter.state()}
        per_rank = distributed.gather(mine)
        if not distributed.is_main():
            return
        state = {
            "epoch": self._epoch,
            "batch": self._batch,
            "step": self._step,
            "bad_in_a_row": self._bad_in_a_row,
            "optimizer": self._optimizer.state_dict(),
            "per_rank": per_rank,
        }
        self._keeper.save_last(self._model.state_dict(), self._info(), state)

    def _resume(self) -> dict[str, Any] | None:
        """Take up `last.pt` if there is one; returns the generator states still to restore."""
        content = self._keeper.load_last()
        if content is None:
            self._save_last()  # from here on every stop, however early, has something to resume
            return None
        state = content["trainer"]
        if len(state["per_rank"]) != distributed.world_size():
            raise InputError(
                f"{self._keeper.last_path} was written by {len(state['per_rank'])} processes and "
                f"cannot be resumed exactly by {distributed.world_size()}"
            )
        self._epoch, self._batch, self._step = state["epoch"], state["batch"], state["step"]
        if self._epoch > self._config.max_epochs:
            return None  # nothing is left to train: an optimizer of an older version will do
        configured = [
            {name: group[name] for name in ("weight_decay", "betas")}
            for group in self._optimizer.param_groups
        ]
        try:
            self._model.load_state_dict(content["model"])
            self._optimizer.load_state_dict(state["optimizer"])
            for group, settings in zip(self._optimizer.param_groups, configured, strict=True):
                group.update(settings)  # the config's, if it was changed meanwhile
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self._keeper.last_path} does not fit this model: {str(error).splitlines()[0]}; "
                "was the config changed? use another --exp-dir"
            ) from None
        self._bad_in_a_row = state["bad_in_a_row"]
        mine = state["per_rank"][distributed.rank()]
        self._meter = Meter.from_state(mine["meter"])
        if self._restart_epoch and self._batch > 0:
            logger.warning(
                "epoch %d begins again from its first batch, because its batches have changed: "
                "the utterances of %d old batches are seen twice",
                self._epoch,
                self._batch,
            )
            self._batch, self._meter = 0, Meter()
        logger.info("resuming at epoch %d, step %d", self._epoch, self._step)
        return mine["generators"]

    @contextmanager
    def _stop_on_sigterm(self) -> Iterator[None]:
        """Let SIGTERM end the run between two steps instead of at once."""

        def request_stop(signum: int, frame: Any) -> None:
            self._stop_requested = True
            if self._is_waiting:
                raise _StopWaiting

        previous = signal.signal(signal.SIGTERM, request_stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)
