"""Averaging of weights over several epochs, which is usually more accurate than each epoch."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

import torch
from torch import Tensor

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.low_rank import merge_updates
from moeasr.plurals import counted
from moeasr.train.epoch_ranking import rank_epochs
from moeasr.train.resume import find_changes

logger = get_logger(__name__)

SHARED_KEYS = ("tokenizer", "fbank")


class EpochFile(NamedTuple):
    """The checkpoint of one finished epoch."""

    epoch: int
    cost: float
    """The value by which epochs are ranked, see `moeasr.train.evaluation.Evaluation.cost`."""
    path: Path


def list_epochs(exp_dir: str | Path) -> list[EpochFile]:
    """Return the epoch checkpoints of an experiment, in the order of the epochs.

    Raises:
        InputError: There is no epoch checkpoint, or one of them cannot be read.
    """
    exp_dir = Path(exp_dir)
    if not exp_dir.is_dir():
        raise InputError(f"experiment directory {exp_dir} does not exist")
    epochs = []
    for path in exp_dir.glob("epoch_*.pt"):
        content = checkpoint.load(path)
        checkpoint.require_keys(content, "info", ("epoch", "dev_loss"), path)
        info = content["info"]
        cost = info.get("cost", info["dev_loss"])
        try:
            epochs.append(EpochFile(int(info["epoch"]), float(cost), path))
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"checkpoint {path}: its epoch and dev loss are not numbers") from None
    if not epochs:
        raise InputError(f"{exp_dir} has no epoch_N.pt: its training has not finished an epoch")
    return sorted(epochs)


def choose_epochs(
    epochs: Sequence[EpochFile], num: int, mode: Literal["best", "last"]
) -> list[EpochFile]:
    """Return the `num` best or latest epochs in order, or all of them if there are fewer.

    If fewer than `num` epochs are stored, a warning says so.

    Raises:
        InputError: `num` is below 1.
    """
    if num < 1:
        raise InputError(f"the number of checkpoints to average must be at least 1, but is {num}")
    if len(epochs) < num:
        stored = counted(len(epochs), "epoch")
        logger.warning("averaging only %s, not %d: no more are stored", stored, num)
    if mode == "last":
        return sorted(epochs)[-num:]
    return sorted(rank_epochs(epochs)[:num])


def average_checkpoints(
    paths: Sequence[str | Path],
    network_of: Callable[[Mapping[str, Any], str | Path], Mapping[str, Any]],
) -> dict[str, Any]:
    """Average the model weights of checkpoints.

    The updates of adapters are merged into the weights of each checkpoint first. Floating-point
    tensors are summed in float64 and cast back. All other tensors (counters) and the
    rest of the content are taken from the newest checkpoint, without the state of the trainer.

    Args:
        paths: At least one checkpoint; the newest is the last one.
        network_of: Function that returns the keys of a config that must agree, given the content
            and the path of a checkpoint. A resumed training may have changed the other keys.

    Returns:
        The content of a checkpoint. `info["averaged_epochs"]` lists the averaged epochs.

    Raises:
        InputError: A file cannot be read, or the checkpoints are not of one training.
    """
    if not paths:
        raise InputError("there are no checkpoints to average")
    sums: dict[str, Tensor] = {}
    epochs = []
    newest: dict[str, Any] = {}
    for (
        path
    ) in paths:  # one at a time, because memory may not hold all checkpoints of a large model
        content = checkpoint.load(path)
        checkpoint.require_weights(content, path)
        checkpoint.require_keys(content, "info", ("epoch",), path)
        content["model"] = merge_updates(content["model"])
        if newest:
            networks = network_of(newest, paths[0]), network_of(content, path)
            for change in find_changes(*networks):
                _refuse(f"`{change.key}` ({' and '.join(change.shown())})", paths[0], path)
            _check_same_training(newest, content, paths[0], path)
        newest = content
        epochs.append(content["info"]["epoch"])
        for name, tensor in content["model"].items():
            if tensor.is_floating_point():
                sums[name] = tensor.double() + sums.get(name, 0.0)
    # Shared weights have several names. They stay one tensor, so that the file stays small.
    averaged: dict[tuple[int, torch.Size, tuple[int, ...]], Tensor] = {}
    for name, tensor in newest["model"].items():
        if tensor.is_floating_point():
            mean = sums[name] / len(paths)
            if not torch.isfinite(mean).all():
                raise InputError(
                    f"weights {name} of epochs {epochs} have values that are not finite"
                )
            identity = (tensor.data_ptr(), tensor.shape, tensor.stride())
            newest["model"][name] = averaged.setdefault(identity, mean.to(tensor.dtype))
    newest.pop("trainer", None)
    newest["info"] = {**newest["info"], "averaged_epochs": epochs}
    return newest


def _check_same_training(
    one: Mapping[str, Any], other: Mapping[str, Any], one_path: str | Path, other_path: str | Path
) -> None:
    """Raise `InputError` unless units, features, and names and shapes of weights agree."""
    for key in SHARED_KEYS:
        if one.get(key) != other.get(key):
            _refuse(f"`{key}`", one_path, other_path)
    if one["model"].keys() != other["model"].keys():
        name = min(one["model"].keys() ^ other["model"].keys())
        _refuse(f"the names of their weights, such as {name}", one_path, other_path)
    for name, tensor in one["model"].items():
        if tensor.shape != other["model"][name].shape:
            _refuse(f"the shape of {name}", one_path, other_path)


def _refuse(what: str, one_path: str | Path, other_path: str | Path) -> NoReturn:
    raise InputError(f"{one_path} and {other_path} cannot be averaged: they differ in {what}")
