"""The ended hypotheses of a beam search: the ones that are kept, and their scores."""

import math

import pytest
import torch

from moeasr.decode.ended_hypotheses import NEG_INF, EndedHypotheses


def test_the_best_hypotheses_of_all_lengths_are_kept_for_each_utterance():
    """Two utterances with a beam of two. The scorers are the decoder, CTC and the fusion."""
    scores = torch.tensor([[-1.0, NEG_INF], [-2.0, NEG_INF]], dtype=torch.float64)
    ended = EndedHypotheses.none(scores, num_scorers=3)
    history = -torch.arange(12.0, dtype=torch.float64).view(4, 1, 3) / 4
    ended = ended.add(scores, torch.zeros(4, 0, dtype=torch.int64), history)
    longer = torch.tensor([[-3.0, -0.5], [NEG_INF, NEG_INF]], dtype=torch.float64)
    tokens = torch.tensor([[7], [8], [9], [9]])
    ended = ended.add(longer, tokens, -torch.arange(24.0, dtype=torch.float64).view(4, 2, 3) / 8)
    best, second = ended.hypotheses(0, ["attention", "ctc", "fusion"])
    assert (best.tokens, best.score) == ((8,), -0.5)
    # Row 1 of the last call: -6/8, -7/8, -8/8 for the token and -9/8, -10/8, -11/8 for the end.
    assert (best.attention_score, best.ctc_score) == (-15 / 8, -17 / 8)
    assert best.fusion_score == -19 / 8
    assert best.token_confidence == pytest.approx((math.exp(-6 / 8),))
    assert (second.tokens, second.score, second.token_confidence) == ((), -1.0, ())
    (only,) = ended.select(torch.tensor([False, True])).hypotheses(0, ["ctc", "ctc"])
    assert (only.tokens, only.score) == ((), -2.0)
    assert (only.ctc_score, only.attention_score, only.fusion_score) == (-13 / 4, None, None)
