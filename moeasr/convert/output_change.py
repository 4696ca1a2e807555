"""The difference between the outputs of two models for the same utterances."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from moeasr.models.asr import AsrModel
from moeasr.models.teacher_forced import Inputs, run_teacher_forced


class Change(NamedTuple):
    """The difference between two models in one kind of output, such as CTC log-probabilities."""

    largest: float
    """Largest absolute difference; NaN if an output is NaN."""
    mean: float
    """Mean absolute difference."""


def measure_change(
    before: AsrModel, after: AsrModel, batches: Iterable[Inputs]
) -> dict[str, Change]:
    """Measure the largest and mean absolute difference of each kind of output.

    Args:
        before: A model in eval mode.
        after: A model in eval mode with the same units and decoders.
        batches: At least one batch.
    """
    largest: dict[str, float] = {}
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    for inputs in batches:
        old, new = (run_teacher_forced(model, inputs).scores for model in (before, after))
        for what in old:
            difference = (new[what] - old[what]).abs()
            largest[what] = float(np.maximum(largest.get(what, 0.0), difference.max().item()))
            total[what] = total.get(what, 0.0) + float(difference.sum())
            count[what] = count.get(what, 0) + difference.numel()
    return {what: Change(largest[what], total[what] / count[what]) for what in largest}
