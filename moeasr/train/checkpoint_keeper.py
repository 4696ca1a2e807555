"""Checkpoints of an experiment: the best and the latest epochs, `ema.pt`, and `last.pt`."""

import shutil
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.distributed import ProcessGroup

from moeasr import checkpoint, distributed
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.train.background_work import Background
from moeasr.train.epoch_ranking import rank_epochs
from moeasr.train.resume import check_identity
from moeasr.train.sharded_state import Split, complete, copy_to_host, split, write_shards

logger = get_logger(__name__)

MOVING_AVERAGE = "ema.pt"
"""Name of the checkpoint with the exponential moving average of the weights."""
TRAINER_KEYS = ("epoch", "batch", "step", "bad_in_a_row", "optimizer", "per_rank", "scores")


def read_last(exp_dir: Path) -> dict[str, Any] | None:
    """Return the content of `last.pt`, or None if there is nothing to resume.

    A `last.pt` from before the first step contains no training progress. Training then starts from
    the beginning, even if the data have changed. It writes `epoch_1.pt` again, which a run leaves
    that is killed before its first state is complete.

    Raises:
        InputError: `last.pt` cannot be read or is not the state of a training, or there are epoch
            checkpoints without `last.pt`.
    """
    path = exp_dir / "last.pt"
    if path.exists():
        content = checkpoint.load(path)
        if "trainer" not in content:
            raise InputError(
                f"{path} is the checkpoint of an epoch or an average, from which a training cannot "
                "resume; remove it, or use it as `init.model` of another experiment"
            )
        checkpoint.require_keys(content, "trainer", TRAINER_KEYS, path)
        checkpoint.require_weights(content, path)
        return content if content["trainer"]["step"] > 0 else None
    if any(exp_dir.glob("epoch_*.pt")):
        raise InputError(
            f"{exp_dir} has epochs of an earlier training, but no last.pt to resume from; use "
            "another --exp-dir, or remove them"
        )
    return None


class EpochScore(NamedTuple):
    """The rank of a finished epoch."""

    epoch: int
    """Number of the epoch, from 1."""
    cost: float
    """The value by which epochs are ranked, see `moeasr.train.evaluation.Evaluation.cost`."""


class CheckpointKeeper:
    """The checkpoints `epoch_N.pt` and `last.pt` of an experiment.

    Epochs that are neither among the best nor among the latest are deleted.

    Args:
        exp_dir: The directory of the experiment.
        metadata: Content of every checkpoint beside the weights: config, tokenizer, features, info.
        keep_best: Number of best epochs to keep.
        keep_last: Number of latest epochs to keep.

    Attributes:
        background: The thread that writes `last.pt` and sharded tensors.
    """

    def __init__(
        self, exp_dir: Path, metadata: Mapping[str, Any], keep_best: int, keep_last: int
    ) -> None:
        self._exp_dir = exp_dir
        self._metadata = metadata
        self._keep_best = keep_best
        self._keep_last = keep_last
        self.scores: list[EpochScore] = []
        self.background = Background()
        self._shards: str | None = None
        # nothing may hold a group when the training has left it
        self._group: weakref.ref[ProcessGroup] | None = None

    @property
    def last_path(self) -> Path:
        """The file from which a stopped run resumes."""
        return self._exp_dir / "last.pt"

    def save_epoch(
        self, weights: Mapping[str, Any], score: EpochScore, info: Mapping[str, Any]
    ) -> None:
        """Write the checkpoint of a finished epoch, then delete epochs that are not kept."""
        self.scores.append(score)
        checkpoint.save(self._epoch_path(score.epoch), self._content(weights, info))
        wanted = self._wanted()
        for old in self.scores:
            if old.epoch not in wanted:
                self._epoch_path(old.epoch).unlink(missing_ok=True)

    def save_average(self, weights: Mapping[str, Any], info: Mapping[str, Any]) -> None:
        """Write `ema.pt`, the exponential moving average of the weights after an epoch."""
        checkpoint.save(self._exp_dir / MOVING_AVERAGE, self._content(weights, info))

    def save_last(
        self,
        weights: Mapping[str, Any],
        info: Mapping[str, Any],
        trainer_state: Mapping[str, Any],
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Write `last.pt`, which holds everything for an exact resume; all processes call this.

        Sharded tensors go to a new directory in `last/`. `last.pt` names it, and is written when
        the directory is complete. A killed run therefore leaves the previous state. A copy of the
        state is written in the background, after the previous one has been written.

        Args:
            weights: The weights as this process holds them.
            info: Content of `info`.
            trainer_state: The state of the trainer.
            after: Function that the first process calls after it has written `last.pt`.
        """
        self.background.wait()
        state = {**trainer_state, "scores": [list(score) for score in self.scores]}
        content = split({**self._content(weights, info), "trainer": state})
        previous, self._shards = self._shards, None
        if content.shards:
            self._shards = "1" if previous == "0" else "0"
            if distributed.is_main():
                shutil.rmtree(self._shards_dir(self._shards), ignore_errors=True)
            distributed.gather(None)  # the others wait until the leftovers are removed
            shards = {"directory": self._shards, "aliases": content.aliases}
            content.plain["trainer"]["shards"] = shards
            if self._group is None:
                self._group = weakref.ref(distributed.new_cpu_group())
            content = copy_to_host(content)
        write = partial(self._write_last, content, self._shards, previous, after)
        if content.shards:
            self.background.start(write)
        else:
            write()

    def _write_last(
        self, content: Split, name: str | None, previous: str | None, after: Callable[[], None]
    ) -> None:
        """Write the parts of a state, and remove the previous directory of shards."""
        if name is not None:
            write_shards(self._shards_dir(name), content.shards, self._group())
        if distributed.is_main():
            checkpoint.save(self.last_path, content.plain)
            after()
            if previous is not None:
                shutil.rmtree(self._shards_dir(previous), ignore_errors=True)

    def _shards_dir(self, name: str) -> Path:
        return self._exp_dir / "last" / name

    def load_last(self) -> dict[str, Any] | None:
        """Return the content of `last.pt` if it belongs to this training, see `read_last`.

        A run that is killed between two writes leaves epoch checkpoints newer than `last.pt`. The
        resumed run writes them again, identically.

        Raises:
            InputError: `last.pt` cannot be read, or its dictionary, features, seed, training set or
                teacher differ from those of this run.
        """
        content = read_last(self._exp_dir)
        if content is None:
            if self.last_path.exists():
                logger.info(
                    "%s is from before the first step: training starts from the beginning",
                    self.last_path,
                )
            return None
        check_identity(content, self._metadata, self.last_path)
        self.scores = [EpochScore(int(e), float(c)) for e, c in content["trainer"]["scores"]]
        self._shards = content["trainer"].get("shards", {}).get("directory")
        return content

    def complete_last(
        self, content: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer
    ) -> None:
        """Complete the content of `last.pt` in place, in the form in which this process needs it.

        All processes call this function.

        Raises:
            InputError: The directory of the sharded tensors is damaged or missing.
        """
        aliases = content["trainer"].get("shards", {}).get("aliases", {})
        directory = None if self._shards is None else self._shards_dir(self._shards)
        complete(content, directory, aliases, model, optimizer)

    def _wanted(self) -> set[int]:
        best = rank_epochs(self.scores)[: self._keep_best]
        last = sorted(self.scores)[-self._keep_last :] if self._keep_last else []
        return {score.epoch for score in [*best, *last]}

    def _epoch_path(self, epoch: int) -> Path:
        return self._exp_dir / f"epoch_{epoch}.pt"

    def _content(self, weights: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **self._metadata,
            "model": dict(weights),
            "info": {**self._metadata.get("info", {}), **info},
        }
