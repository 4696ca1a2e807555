"""The disk space of the checkpoints that a training will write, and memory to write them."""

import shutil
from pathlib import Path

from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.train.config import TrainConfig

MOMENTS = 2
"""Number of values that Adam stores for each trained weight."""


def planned_bytes(model: nn.Module, config: TrainConfig) -> int:
    """Return the largest size of all checkpoints of a training together.

    They are the epochs that are kept, a new epoch before an old one is deleted, `averaged.pt`,
    `ema.pt`, and `last.pt` twice, because the new file is complete before the old one is replaced.
    """
    stored = model.state_dict()
    buffers = sum(map(_size, (each for name, each in model.named_buffers() if name in stored)))
    weights = buffers + sum(map(_size, model.parameters()))
    has_average = config.ema.decay > 0
    num_epochs = min(config.max_epochs, config.keep_best + config.keep_last + 1)
    last = buffers * (1 + has_average) + state_bytes(model, config)
    return (num_epochs + 1 + has_average) * weights + 2 * last


def state_bytes(model: nn.Module, config: TrainConfig) -> int:
    """Return the size of the parameters, their moving average and the state of the optimizer.

    Sharded trainings copy these tensors to host memory to save them in the background, each process
    its part.
    """
    parameters = list(model.parameters())  # each shared one once
    moments = MOMENTS * sum(_size(p) for p in parameters if p.requires_grad)
    return (1 + (config.ema.decay > 0)) * sum(map(_size, parameters)) + moments


def free_bytes(exp_dir: Path) -> int:
    """Return the space for checkpoints: what is free, and what the present checkpoints occupy.

    Args:
        exp_dir: The experiment directory, which need not exist.
    """
    existing = exp_dir.absolute()
    while not existing.exists():
        existing = existing.parent
    files = [*exp_dir.glob("*.pt"), *exp_dir.glob("last/*/*")]
    present = sum(path.stat().st_size for path in files)
    return shutil.disk_usage(existing).free + present


def check_space(needed: int, free: int, exp_dir: Path) -> None:
    """Raise `InputError` unless the checkpoints of a training fit on the disk.

    Args:
        needed: `planned_bytes` of the training.
        free: `free_bytes` of the experiment directory.
        exp_dir: The experiment directory, for the message.
    """
    if needed > free:
        raise InputError(
            f"{exp_dir}: the checkpoints of this training need {describe_size(needed)}, but there "
            f"is room for {describe_size(free)}; lower `train.keep_best` and `train.keep_last`, or "
            "use another --exp-dir"
        )


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def describe_size(num_bytes: float) -> str:
    """Return a size for people, in MB or GB."""
    return f"{num_bytes / 1e6:.0f} MB" if num_bytes < 1e9 else f"{num_bytes / 1e9:.1f} GB"
