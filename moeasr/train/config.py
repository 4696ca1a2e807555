"""The `train:` section of an experiment's YAML."""

import math
from dataclasses import dataclass, field
from typing import Literal

from moeasr.config_roles import OBJECTIVE
from moeasr.errors import InputError


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """The optimizer."""

    name: Literal["adamw", "adam"] = "adamw"
    """`adam` adds weight decay to the gradient, `adamw` applies it to the weights."""
    lr: float = 1e-3
    """Peak learning rate."""
    weight_decay: float = 0.0
    """Not applied to biases, norms and routers."""
    betas: tuple[float, ...] = (0.9, 0.98)
    """Decay of the first and second moment."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 < self.lr < math.inf:
            raise InputError(f"`lr` must be above 0, but is {self.lr}")
        if not 0 <= self.weight_decay < math.inf:
            raise InputError(f"`weight_decay` must be 0 or more, but is {self.weight_decay}")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(
                f"`betas` must be two numbers from 0 to below 1, but is {list(self.betas)}"
            )


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How the learning rate moves over optimizer steps."""

    name: Literal["warmup_inverse_sqrt", "warmup_cosine"] = "warmup_inverse_sqrt"
    """Which of `moeasr.train.schedule.SCHEDULES`."""
    warmup_steps: int = 25000
    """Steps of linear rise to the peak."""
    final_ratio: float = 0.01
    """Last learning rate over the peak (warmup_cosine only)."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.warmup_steps < 1:
            raise InputError(f"`warmup_steps` must be at least 1, but is {self.warmup_steps}")
        if not 0 <= self.final_ratio <= 1:
            raise InputError(f"`final_ratio` must be between 0 and 1, but is {self.final_ratio}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The training loop."""

    max_epochs: int = 100
    """Passes over the training set."""
    accum_steps: int = 1
    """Micro-batches per optimizer step, on each process."""
    grad_clip: float = 5.0
    """Largest norm of the gradient."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """`bf16` runs matrix products in bfloat16 (autocast); weights stay float32."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """The optimizer."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """The learning rate."""
    log_every_steps: int = 50
    """Steps between lines in metrics.jsonl and TensorBoard."""
    writers: tuple[str, ...] = ("jsonl", "tensorboard")
    """Where metrics go: names of `moeasr.train.writers.WRITERS`, or import paths of subclasses of
    `moeasr.train.writers.Writer`. A list replaces the default. Pictures and the learning curve in
    RESULTS.md need `jsonl`."""
    save_every_steps: int = 500
    """Steps between writes of last.pt, from which a stopped run resumes."""
    best_by: Literal["loss", "acc", "wer"] = field(default="loss", metadata=OBJECTIVE)
    """Criterion of the best epochs on dev: lowest loss (`loss`), highest accuracy of the decoder
    (`acc`), or lowest word error rate of CTC greedy search (`wer`)."""
    keep_best: int = 10
    """How many of the best epochs keep their checkpoint."""
    keep_last: int = 10
    """How many of the latest epochs keep theirs."""
    max_bad_steps: int = 20
    """End the run after this many steps in a row whose loss or gradient is not finite."""
    num_workers: int = 1
    """Processes that load batches; 0 loads them in the training process."""

    def __post_init__(self) -> None:
        """Check ranges."""
        counts = ("max_epochs", "accum_steps", "log_every_steps", "save_every_steps")
        least = {**dict.fromkeys((*counts, "max_bad_steps"), 1)}
        least |= dict.fromkeys(("keep_best", "keep_last", "num_workers"), 0)
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise InputError(
                    f"`{name}` must be at least {minimum}, but is {getattr(self, name)}"
                )
        if not self.grad_clip > 0:
            raise InputError(f"`grad_clip` must be above 0, but is {self.grad_clip}")
        if self.keep_best + self.keep_last < 1:
            raise InputError("`keep_best` and `keep_last` cannot both be 0")
