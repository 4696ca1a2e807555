"""CTC greedy search on log-probabilities."""

from itertools import groupby

from torch import Tensor

from moeasr.decode.hypothesis import Hypothesis


def ctc_greedy_search(log_probs: Tensor, enc_lens: Tensor, blank: int = 0) -> list[Hypothesis]:
    """The best label of every frame, repeats merged and blanks dropped.

    Args:
        log_probs: (B, T', V) log-probabilities of each frame.
        enc_lens: (B,) real frames.
        blank: Id of the blank.

    Returns:
        B hypotheses; the score is the log-probability of the best alignment.
    """
    best_values, best_ids = log_probs.max(dim=-1)  # (B, T')
    hypotheses = []
    for values, ids, length in zip(best_values.tolist(), best_ids.tolist(), enc_lens.tolist()):
        tokens, frames = [], []
        for token, run in groupby(range(length), key=ids.__getitem__):
            if token != blank:
                tokens.append(token)
                frames.append(max(run, key=values.__getitem__))
        score = sum(values[:length])
        hypotheses.append(
            Hypothesis(tokens=tuple(tokens), score=score, ctc_score=score, frames=tuple(frames))
        )
    return hypotheses
