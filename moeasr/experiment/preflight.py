"""A check of memory, time and disk space before a training starts."""

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from moeasr import distributed
from moeasr.bars import duration
from moeasr.batch_plan import cut_batches, longest_first
from moeasr.data.batch import Batch, collate
from moeasr.experiment.batches import Batches
from moeasr.experiment.config import ExperimentConfig
from moeasr.models.activations import use_most_experts
from moeasr.models.asr import AsrModel
from moeasr.plurals import counted
from moeasr.train.checkpoint_space import (
    check_space,
    describe_size,
    free_bytes,
    planned_bytes,
    state_bytes,
)
from moeasr.train.out_of_memory import naming_batches
from moeasr.train.trainer import Trainer

NUM_STEPS = 2
"""Number of steps with each batch. Only the last one is timed: the first one allocates memory."""


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """A rehearsal of a training: a few steps that write no file."""

    trainer: Trainer[Batch]
    """The trainer. It must not train afterwards, because the steps have changed its model."""
    model: AsrModel
    """The model."""
    train: Batches
    """The training batches of this process."""
    config: ExperimentConfig
    """The experiment."""
    exp_dir: Path
    """The experiment directory, which need not exist."""
    device: torch.device
    """The device of this process."""

    def run(self) -> Iterator[str]:
        """Make steps with the largest batches, and yield lines for the user. All processes call it.

        Raises:
            InputError: A batch needs too much memory, or the checkpoints too much disk space.
        """
        needed, free = planned_bytes(self.model, self.config.train), free_bytes(self.exp_dir)
        check_space(needed, free, self.exp_dir)
        room = f"{self.exp_dir} has room for {describe_size(free)}"
        yield f"checkpoints: at most {describe_size(needed)}; {room}"
        use_most_experts(self.model)
        frames, seconds = 0, 0.0
        for name, indices in self._extremes().items():
            # In the last epoch, no augmentation and no mask waits for its first epoch.
            epoch = self.config.train.max_epochs
            batch = collate([self.train.dataset[epoch, index] for index in indices])
            for _ in range(NUM_STEPS):
                start = time.monotonic()
                with naming_batches("the preflight", Batch.describe, [batch]):
                    self.trainer.rehearse(batch)
                last_sec = time.monotonic() - start
            frames += batch.num_frames // batch.num_views  # as `_padded_frames` counts them
            seconds += last_sec
            yield f"batch of the {name}: {batch.describe_size()}: {last_sec:.2f} s"
        used = distributed.gather(self._peak_bytes())
        yield "peak memory: " + ", ".join(
            f"{describe_size(each)} in process {rank}" for rank, each in enumerate(used)
        )
        if self.config.train.parallel == "shard":
            copied = state_bytes(self.model, self.config.train) / distributed.world_size()
            yield f"host memory to save the state: {describe_size(copied)} more in each process"
        batches = counted(self.train.num_batches(1), "batch", "batches")
        epoch_frames = sum(map(self._padded_frames, self.train.sampler.batches(1)))
        yield (
            f"an epoch: {batches} in each process, about "
            f"{duration(seconds / frames * epoch_frames)} without evaluation"
        )

    def _extremes(self) -> dict[str, list[int]]:
        """Return the batches of the longest utterances and of the most utterances."""
        limits, num_frames = self.config.data.batch, np.asarray(self.train.utterances.num_frames)
        order = longest_first(num_frames)
        ends = cut_batches(num_frames[order], limits.max_frames, limits.max_utts)
        widest = int(np.argmax(np.diff(ends)))
        return {
            name: order[ends[number] : ends[number + 1]].tolist()
            for name, number in (("longest utterances", 0), ("most utterances", widest))
        }

    def _padded_frames(self, indices: list[int]) -> int:
        lengths = [int(self.train.utterances.num_frames[index]) for index in indices]
        return len(lengths) * max(lengths)

    def _peak_bytes(self) -> int:
        """Return the largest memory that this process has used, on its device."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_reserved(self.device)
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
