"""The disk space of the checkpoints that a training will write."""

import shutil
from pathlib import Path

from torch import nn

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
    tensors = [*model.named_parameters(), *model.named_buffers()]  # each shared one once
    weights = sum(each.numel() * each.element_size() for name, each in tensors if name in stored)
    trained = [p for p in model.parameters() if p.requires_grad]
    moments = MOMENTS * sum(p.numel() * p.element_size() for p in trained)
    has_average = config.ema.decay > 0
    num_epochs = min(config.max_epochs, config.keep_best + config.keep_last + 1)
    last = weights + moments + has_average * weights
    return (num_epochs + 1 + has_average) * weights + 2 * last


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


def describe_size(num_bytes: int) -> str:
    """Return a size for people, in MB or GB."""
    return f"{num_bytes / 1e6:.0f} MB" if num_bytes < 1e9 else f"{num_bytes / 1e9:.1f} GB"
