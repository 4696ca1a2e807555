"""The `train:` section of an experiment's YAML."""

import math
from dataclasses import dataclass, field
from typing import Literal

from moeasr.config_roles import OBJECTIVE
from moeasr.errors import InputError
from moeasr.ranges import check_fraction, check_weight


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """Settings of the optimizer."""

    name: Literal["adamw", "adam"] = "adamw"
    """Name of the optimizer: `adam` adds weight decay to the gradient, `adamw` applies it to the
    weights."""
    lr: float = 1e-3
    """Peak learning rate."""
    weight_decay: float = 0.0
    """Weight decay of matrices; biases, norms and routers have none."""
    betas: tuple[float, ...] = (0.9, 0.98)
    """Decay rates of the first and second moment."""
    lr_factors: dict[str, float] = field(default_factory=dict, metadata={"role": "identity"})
    """Factors on the learning rate by module, such as {encoder: 0.1}; 1 for all others. Names are
    those of `freeze.modules`. If several fit a parameter, the last one applies. A resumed training
    cannot change them."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 < self.lr < math.inf:
            raise InputError(f"`lr` must be positive, but is {self.lr}")
        check_weight("weight_decay", self.weight_decay)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(
                f"`betas` must be two numbers from 0 to below 1, but is {list(self.betas)}"
            )
        for name, factor in self.lr_factors.items():
            if not 0 < factor < math.inf:
                raise InputError(
                    f"`lr_factors.{name}` must be positive, but is {factor}; to train no weights "
                    "of the module, use `train.freeze`"
                )


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """Schedule of the learning rate over optimizer steps."""

    name: Literal["warmup_inverse_sqrt", "warmup_cosine"] = "warmup_inverse_sqrt"
    """Name of the schedule, see `moeasr.train.schedule.SCHEDULES`."""
    warmup_steps: int = 25000
    """Number of steps in which the learning rate rises linearly to its peak."""
    final_ratio: float = 0.01
    """Ratio of the last learning rate to the peak (only for `warmup_cosine`)."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.warmup_steps < 1:
            raise InputError(f"`warmup_steps` must be at least 1, but is {self.warmup_steps}")
        check_fraction("final_ratio", self.final_ratio)


@dataclass(frozen=True, kw_only=True)
class EmaConfig:
    """An exponential moving average of the weights, which `ema.pt` contains after each epoch."""

    decay: float = 0.0
    """Decay per optimizer step, such as 0.999; 0 for no average. About 1 / (1 - decay) steps count.
    The average takes the memory of a second model, and changes neither the training nor
    `averaged.pt`."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 <= self.decay < 1:
            raise InputError(f"`decay` must be from 0 to below 1, but is {self.decay}")


@dataclass(frozen=True, kw_only=True)
class FreezeConfig:
    """Modules whose weights are not trained. Their dropout and routing are as in training."""

    modules: tuple[str, ...]
    """Paths of modules, in which `*` stands for any text, such as `encoder`, `decoder.blocks.0` or
    `*.experts`. A parameter that several modules share is frozen with one of them."""
    except_: tuple[str, ...] = ()
    """Paths of modules that this entry does not freeze, although they are inside of `modules`."""
    until_epoch: int | None = None
    """Number of the last epoch in which the modules are frozen; null for all epochs."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if not self.modules:
            raise InputError("`modules` names no module to freeze")
        if self.until_epoch is not None and self.until_epoch < 1:
            raise InputError(f"`until_epoch` must be at least 1 or null, but is {self.until_epoch}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of the training loop."""

    max_epochs: int = 100
    """Number of passes over the training set."""
    accum_steps: int = 1
    """Number of micro-batches per optimizer step in each process."""
    grad_clip: float = 5.0
    """Largest norm of the gradient; a larger gradient is scaled down."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of matrix products; `bf16` uses autocast, and weights stay float32."""
    parallel: Literal["replicate", "shard"] = "replicate"
    """Division of the work among processes. With `replicate`, each process holds the whole model.
    With `shard`, each process holds its part of all weights, gradients and optimizer states, and
    the weights of a block are gathered when it runs (FSDP2): for models that do not fit in the
    memory of one GPU. Both compute the same. The state of `shard` is written in the background,
    from a copy in the memory of the host."""
    recompute: Literal["none", "blocks"] = "none"
    """`blocks` computes the activations of each block again in the backward pass instead of storing
    them, which saves memory and costs a second forward pass of the blocks."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """The optimizer."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """The learning rate."""
    freeze: tuple[FreezeConfig, ...] = ()
    """Modules that are not trained, for some or all epochs."""
    ema: EmaConfig = field(default_factory=EmaConfig)
    """The moving average of the weights."""
    log_every_steps: int = 50
    """Number of steps between two records of training metrics."""
    writers: tuple[str, ...] = ("jsonl", "tensorboard")
    """Writers of metrics: names of `moeasr.train.writers.WRITERS`, or import paths of subclasses of
    `moeasr.train.writers.Writer`. A list replaces the default. Pictures and the learning curve in
    RESULTS.md need `jsonl`."""
    save_every_steps: int = 500
    """Number of steps between two writes of last.pt, from which a stopped run resumes."""
    best_by: Literal["loss", "acc", "wer"] = field(default="loss", metadata=OBJECTIVE)
    """Criterion of the best epochs on dev: lowest loss (`loss`), highest accuracy of the decoder
    (`acc`), or lowest word error rate of CTC greedy search (`wer`)."""
    keep_best: int = 10
    """Number of best epochs whose checkpoints are kept."""
    keep_last: int = 10
    """Number of latest epochs whose checkpoints are kept."""
    max_bad_steps: int = 20
    """Number of successive steps without a finite loss or gradient that ends the run."""
    num_workers: int = 1
    """Number of processes that load batches; 0 loads them in the training process."""

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
