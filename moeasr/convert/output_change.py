"""How far apart two models are in what they say about the same utterances."""

from collections.abc import Iterable
from typing import NamedTuple

from moeasr.models.asr import AsrModel
from moeasr.models.teacher_forced import Inputs, run_teacher_forced


class Change(NamedTuple):
    """How far one kind of output has moved."""

    largest: float
    """Absolute difference."""
    mean: float
    """Absolute difference."""


def measure_change(
    before: AsrModel, after: AsrModel, batches: Iterable[Inputs]
) -> dict[str, Change]:
    """Largest and mean absolute difference of each kind of output.

    Args:
        before: In eval mode, like `after`.
        after: A model of the same units and decoders.
        batches: At least one.
    """
    largest: dict[str, float] = {}
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    for inputs in batches:
        old, new = (run_teacher_forced(model, inputs).scores for model in (before, after))
        for what in old:
            difference = (new[what] - old[what]).abs()
            largest[what] = max(largest.get(what, 0.0), float(difference.max()))
            total[what] = total.get(what, 0.0) + float(difference.sum())
            count[what] = count.get(what, 0) + difference.numel()
    return {what: Change(largest[what], total[what] / count[what]) for what in largest}
