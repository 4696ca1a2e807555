"""Plans of batches: which utterances are padded to one length together."""

from collections.abc import Iterator, Sequence

import numpy as np

from moeasr.errors import InputError

NUMBERS_AT_ONCE = 100_000


def cut_batches(num_frames: np.ndarray, max_frames: int, max_utts: int | None = None) -> np.ndarray:
    """Cut a sequence of N utterances into M batches of at least one utterance each.

    Args:
        num_frames: (N,) length of each utterance in order, frames.
        max_frames: Maximum number of frames in a batch, padding included. A longer utterance is a
            batch of its own.
        max_utts: Maximum number of utterances in a batch; None for any number.

    Returns:
        (M + 1,) positions in the sequence at which the batches end, preceded by a 0.
    """
    max_utts = max_utts or len(num_frames)
    ends = [0]
    longest = 0
    for place, length in enumerate(_numbers(num_frames)):
        longest = max(longest, length)
        size = place - ends[-1] + 1
        if size > 1 and (size * longest > max_frames or size > max_utts):
            ends.append(place)
            longest = length
    if len(num_frames):
        ends.append(len(num_frames))
    return np.array(ends, dtype=np.int64)


def _numbers(values: np.ndarray) -> Iterator[int]:
    """Yield the values as Python's numbers, of which few exist at a time."""
    for first in range(0, len(values), NUMBERS_AT_ONCE):
        yield from values[first : first + NUMBERS_AT_ONCE].tolist()


def longest_first(num_frames: np.ndarray) -> np.ndarray:
    """Return the (N,) indices of utterances in descending order of length.

    Utterances of equal length keep their order.
    """
    return np.argsort(-num_frames, kind="stable")


def plan_batches(num_frames: Sequence[int], batch_frames: int) -> list[list[int]]:
    """Plan batches of utterances of similar lengths, the longest first.

        >>> plan_batches([30, 100, 40, 10], batch_frames=100)
        [[1], [2, 0], [3]]

    Args:
        num_frames: Length of each utterance.
        batch_frames: Maximum number of frames in a batch, see `cut_batches`.

    Returns:
        Batches of indices into `num_frames`; each index appears once.

    Raises:
        InputError: `batch_frames` is below 1.
    """
    if batch_frames < 1:
        raise InputError(f"`batch_frames` must be at least 1, but is {batch_frames}")
    lengths = np.asarray(num_frames, dtype=np.int64)
    order = longest_first(lengths)
    ends = cut_batches(lengths[order], batch_frames).tolist()
    return [order[start:end].tolist() for start, end in zip(ends, ends[1:])]
