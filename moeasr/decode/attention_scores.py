"""The scores of the second pass, in which attention decoders rescore n-best lists.

Let l2r and r2l be the log-probabilities of a hypothesis, including its end, under the left-to-right
and the right-to-left decoder, and rho the reverse weight. As in U2++ (arXiv 2106.05642, section
2.4) and WeNet:

    attention = (1 - rho) l2r + rho r2l
    score = attention + ctc_weight * ctc + fusion

Here, fusion is the weighted score of language model and boosted phrases from the first pass.
This module does not import torch.
"""

import dataclasses
from collections.abc import Sequence

from moeasr.decode.hypothesis import Hypothesis


def rescored(
    nbest: Sequence[Hypothesis],
    attention: Sequence[float],
    confidence: Sequence[Sequence[float]],
    ctc_weight: float,
) -> list[Hypothesis]:
    """Return the hypotheses of an utterance with their new scores, sorted in descending order.

    Args:
        nbest: Hypotheses with `ctc_score`.
        attention: The attention score of each hypothesis, as defined in the docstring of the
            module.
        confidence: The posteriors of the tokens of each hypothesis, perhaps followed by others.
        ctc_weight: Weight of the CTC score.
    """
    found = [
        dataclasses.replace(
            hypothesis,
            score=score + ctc_weight * hypothesis.ctc_score + (hypothesis.fusion_score or 0.0),
            attention_score=score,
            token_confidence=tuple(posteriors[: len(hypothesis.tokens)]),
        )
        for hypothesis, score, posteriors in zip(nbest, attention, confidence)
    ]
    return sorted(found, key=lambda hypothesis: hypothesis.score, reverse=True)
