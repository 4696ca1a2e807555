"""Resuming a training: the state that an earlier run left, and changes of the config since."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from moeasr import checkpoint, distributed
from moeasr.config import from_mapping
from moeasr.experiment.config import ExperimentConfig, InitConfig
from moeasr.logs import get_logger
from moeasr.train.checkpoint_keeper import read_last
from moeasr.train.resume import IDENTITY, Change, check_changes, warn_of_changes

logger = get_logger(__name__)


class Resumption(NamedTuple):
    """The start of a training: as a new one, within an epoch, or at the beginning of an epoch."""

    is_resumed: bool
    """True if training continues from `last.pt`; False if a new model must be initialised."""
    restarts_epoch: bool
    """True if batches have changed, so that an interrupted epoch must start again."""
    shard_layout: str | None = None
    """`Batches.shard_layout` of the earlier run; None if unknown."""
    identity: Mapping[str, Any] | None = None
    """Metadata of the earlier run for `check_identity`; None for a new training."""
    cmvn_mean: Tensor | None = None
    """Mean of the features, (F,), in the CMVN of `last.pt`; None for a new training."""
    is_finished: bool = False
    """True if `last.pt` completes the training, whose `config.yaml` then stays."""
    step: int = 0
    """Number of optimizer steps in `last.pt`; 0 for a new training."""

    def restarts_with(self, shard_layout: str) -> bool:
        """Return whether an interrupted epoch must start again, with shards of this layout."""
        return self.restarts_epoch or self.shard_layout not in (None, shard_layout)


def take_up(
    config: ExperimentConfig,
    exp_dir: Path,
    cmvn: tuple[Tensor, Tensor],
    cmvn_path: str,
) -> Resumption:
    """Check the content of an experiment directory against the config.

    Every process must call it. Only the main process warns.

    Args:
        config: The config of this run.
        exp_dir: The experiment directory.
        cmvn: Mean and inverse standard deviation of the corpus, each (F,).
        cmvn_path: Path of `cmvn`, for a warning.

    Raises:
        InputError: `last.pt` cannot be resumed, or a key has changed that must not change.
    """
    last, changes = read_last(exp_dir), []
    if last is not None:
        changes = resume_changes(config, last, exp_dir / "last.pt")
    if distributed.is_main():
        warn_of_changes(changes)
        if last is not None:
            check_cmvn(last, cmvn, config.init, cmvn_path)
    restarts = any(change.key.startswith("data.batch") for change in changes)
    if last is None:
        return Resumption(is_resumed=False, restarts_epoch=restarts)
    return Resumption(
        is_resumed=True,
        restarts_epoch=restarts,
        shard_layout=last.get("shard_layout"),
        identity={name: last[name] for name in IDENTITY if name in last},
        cmvn_mean=last["model"].get("cmvn.mean"),
        is_finished=is_finished(config, last),
        step=last["trainer"]["step"],
    )


def resume_changes(
    config: ExperimentConfig, last: Mapping[str, Any], last_path: Path
) -> list[Change]:
    """Return the keys that have changed since `last.pt` was written; none if training is finished.

    Args:
        config: The config of this run.
        last: The content of `last.pt`.
        last_path: Path of `last.pt`, for messages.

    Raises:
        InputError: A key has changed that must not change, see `moeasr.train.resume`.
    """
    checkpoint.require_keys(last, "config", (), last_path)
    # The dataclasses fill in defaults for keys that did not exist when the file was written.
    before = from_mapping(ExperimentConfig, last["config"], last_path)
    changes = check_changes(before, config, last_path)
    return [] if is_finished(config, last) else changes


def is_finished(config: ExperimentConfig, last: Mapping[str, Any] | None) -> bool:
    """Return whether `last.pt` completes the training that the config describes."""
    return last is not None and last["trainer"]["epoch"] > config.train.max_epochs


def check_cmvn(
    last: Mapping[str, Any], cmvn: tuple[Tensor, Tensor], config: InitConfig, path: str
) -> None:
    """Warn if a resumed training does not use the given CMVN.

    Args:
        last: The content of `last.pt`, whose CMVN is used.
        cmvn: Mean and inverse standard deviation of the corpus, each (F,).
        config: The `init:` section.
        path: Path of `cmvn`.
    """
    names = ("cmvn.mean", "cmvn.istd")
    if config.brings_cmvn or any(name not in last["model"] for name in names):
        return
    if not all(torch.equal(last["model"][name], mine) for name, mine in zip(names, cmvn)):
        logger.warning("%s is not used: the resumed training keeps its previous CMVN", path)
