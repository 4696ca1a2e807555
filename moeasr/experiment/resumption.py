"""Resuming: what an earlier run left, and what may have changed since."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from moeasr import checkpoint, distributed
from moeasr.config import from_mapping
from moeasr.config_roles import values_by_key
from moeasr.experiment.config import ExperimentConfig, InitConfig, write_config
from moeasr.logs import get_logger
from moeasr.models.config import ModelConfig
from moeasr.train.checkpoint_keeper import read_last
from moeasr.train.resume import Change, check_changes, warn_of_changes

logger = get_logger(__name__)


class Resumption(NamedTuple):
    """The way a training begins."""

    is_resumed: bool
    """True if it goes on from `last.pt`; a new model is to be given its first weights."""
    restarts_epoch: bool
    """True if batches have changed, so that an epoch stopped in the middle begins again."""


def take_up(
    config: ExperimentConfig, exp_dir: Path, cmvn: tuple[Tensor, Tensor], cmvn_path: str
) -> Resumption:
    """Check what an experiment directory holds against the config, and write `config.yaml`.

    Every process calls it; the first one writes and warns. The config of a training that is
    finished stays as it is.

    Args:
        config: The config of this run.
        exp_dir: The experiment directory.
        cmvn: Mean and inverse standard deviation, each (F,), of the corpus.
        cmvn_path: Where `cmvn` came from, for a warning.

    Raises:
        InputError: `last.pt` cannot be resumed, or a key changed that may not.
    """
    last, changes = read_last(exp_dir), []
    if last is not None:
        changes = resume_changes(config, last, exp_dir / "last.pt")
    if distributed.is_main():
        warn_of_changes(changes)
        if last is not None:
            check_cmvn(last, cmvn, config.init, cmvn_path)
        if not is_finished(config, last):
            write_config(config, exp_dir)
    restarts = any(change.key.startswith("data.batch") for change in changes)
    return Resumption(last is not None, restarts)


def resume_changes(
    config: ExperimentConfig, last: Mapping[str, Any], last_path: Path
) -> list[Change]:
    """Return the keys that have changed since `last.pt` was written; none once training is done.

    Args:
        config: The config of this run.
        last: The content of `last.pt`.
        last_path: Its name, for messages.

    Raises:
        InputError: A key changed that may not, see `moeasr.train.resume`.
    """
    checkpoint.require_keys(last, "config", (), last_path)
    # Through the dataclasses: keys that did not exist when it was written have their defaults.
    before = from_mapping(ExperimentConfig, last["config"], last_path)
    changes = check_changes(before, config, last_path)
    return [] if is_finished(config, last) else changes


def network_of(content: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Return the keys of a checkpoint's config that a resumed training cannot have changed.

    Args:
        content: The content of the checkpoint.
        path: Its name, for messages.

    Raises:
        InputError: It has no config of a model.
    """
    checkpoint.require_keys(content, "config", ("model",), path)
    config = from_mapping(ModelConfig, content["config"]["model"], path)
    values = values_by_key(config, "identity", "objective")
    return {f"model.{key}": value for key, value in values.items()}


def is_finished(config: ExperimentConfig, last: Mapping[str, Any] | None) -> bool:
    """Return True if `last.pt` is the end of the training that the config asks for."""
    return last is not None and last["trainer"]["epoch"] > config.train.max_epochs


def check_cmvn(
    last: Mapping[str, Any], cmvn: tuple[Tensor, Tensor], config: InitConfig, path: str
) -> None:
    """Warn if a resumed training does not use the CMVN that it is given.

    Args:
        last: The content of `last.pt`, whose CMVN is used.
        cmvn: Mean and inverse standard deviation, each (F,), of the corpus.
        config: The `init:` section.
        path: Where `cmvn` came from.
    """
    names = ("cmvn.mean", "cmvn.istd")
    if config.brings_cmvn or any(name not in last["model"] for name in names):
        return
    if not all(torch.equal(last["model"][name], mine) for name, mine in zip(names, cmvn)):
        logger.warning("%s is not used: the resumed training keeps the CMVN that it had", path)
