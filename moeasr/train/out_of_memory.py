"""The message about a batch for which the memory is too small."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from moeasr.errors import InputError, is_out_of_memory
from moeasr.train.batch_source import BatchT


@contextmanager
def naming_batches(
    work: str, describe: Callable[[BatchT], str], batches: Sequence[BatchT]
) -> Iterator[None]:
    """Name the batches that the block works on if memory is exhausted, and the setting to change.

    Args:
        work: The work of the block, such as "step 12".
        describe: Function that returns the size of a batch and the names of its utterances.
        batches: The micro-batches of a step, or one batch.

    Raises:
        InputError: The memory of the machine or of the GPU is exhausted.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        sizes = "; the next one has ".join(map(describe, batches))
        cause = str(error).strip().partition("\n")[0] or "Python"
        raise InputError(
            f"out of memory in {work}: set a lower `data.batch.max_frames` and a higher "
            "`train.accum_steps`, or `train.recompute: blocks`, which is slower; the batch has "
            f"{sizes} ({cause})"
        ) from None
