"""Steps without a finite loss or gradient, which a training leaves out."""

from collections.abc import Sequence

from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.plurals import counted
from moeasr.train.progress import Progress

logger = get_logger(__name__)


def count_bad_step(
    progress: Progress, is_finite: bool, bad: Sequence[str], max_bad_steps: int
) -> None:
    """Warn of the batches or the step that was left out, and count bad steps in a row.

    Args:
        progress: The progress of the training, after the step.
        is_finite: True if the step changed the weights.
        bad: Names of the utterances of each batch without a finite loss.
        max_bad_steps: Number of successive bad steps that ends the training.

    Raises:
        InputError: Too many successive steps were bad.
    """
    for utterances in bad:
        logger.warning("step %d: loss is not finite, batch left out: %s", progress.step, utterances)
    if not is_finite and not bad:
        logger.warning("step %d: gradient is not finite, step left out", progress.step)
    progress.bad_in_a_row = 0 if is_finite else progress.bad_in_a_row + 1
    if progress.bad_in_a_row >= max_bad_steps:
        steps = counted(progress.bad_in_a_row, "step")
        raise InputError(
            f"{steps} in a row (up to step {progress.step}) had no finite loss or gradient; try a "
            "lower `train.optim.lr` or more `train.schedule.warmup_steps`"
        )
