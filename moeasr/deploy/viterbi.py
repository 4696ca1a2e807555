"""Forced alignment in NumPy, without torch: the best CTC alignment of some tokens."""

from collections.abc import Sequence

import numpy as np

from moeasr.decode.ctc.token_alignment import Alignment, can_align, read_path


def align(log_probs: np.ndarray, tokens: Sequence[int], blank: int = 0) -> Alignment | None:
    """Return the best (Viterbi) CTC alignment of some tokens.

    Args:
        log_probs: (T', V) log-probabilities of one utterance, without padding.
        tokens: Unit ids.
        blank: Id of the blank.

    Returns:
        The alignment; None if there is none, see `can_align`.
    """
    if not tokens:
        return Alignment((), (), ())
    if not can_align(tokens, len(log_probs), blank):
        return None
    labels = np.full(2 * len(tokens) + 1, blank)  # a blank before, between and after the tokens
    labels[1::2] = tokens
    can_skip = np.zeros(len(labels), bool)  # the blank between two different tokens
    can_skip[3::2] = labels[3::2] != labels[1:-2:2]
    emitted = log_probs[:, labels]
    score = np.full(len(labels), -np.inf, emitted.dtype)
    score[:2] = emitted[0, :2]
    moves = np.zeros(emitted.shape, np.int8)
    for time in range(1, len(emitted)):
        step, skip = np.full_like(score, -np.inf), np.full_like(score, -np.inf)
        step[1:] = score[:-1]
        skip[2:] = np.where(can_skip[2:], score[:-2], -np.inf)
        choices = np.stack([score, step, skip])
        moves[time] = choices.argmax(axis=0)
        score = choices.max(axis=0) + emitted[time]
    state = len(labels) - 1 if score[-1] > score[-2] else len(labels) - 2
    path = []
    for time in reversed(range(len(emitted))):
        path.append(state)
        state -= int(moves[time, state])
    places = np.array(path[::-1])
    values = emitted[np.arange(len(emitted)), places]
    return read_path(labels[places].tolist(), values.tolist(), blank)
