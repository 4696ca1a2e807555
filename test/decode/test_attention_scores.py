"""Scores of the second pass from those of the decoders."""

from moeasr.decode.attention_scores import rescored
from moeasr.decode.hypothesis import Hypothesis


def test_scores_are_sums_and_sort_the_list():
    nbest = [
        Hypothesis(tokens=(3,), score=0.0, ctc_score=-1.0),
        Hypothesis(tokens=(3, 4), score=0.0, ctc_score=-2.0, fusion_score=0.25),
    ]
    best, second = rescored(nbest, [-5.0, -1.0], [[0.5, 0.0], [0.75, 0.25]], ctc_weight=0.5)
    assert (best.tokens, best.score, best.attention_score) == ((3, 4), -1.75, -1.0)
    assert (second.tokens, second.score, second.ctc_score) == ((3,), -5.5, -1.0)
    assert (best.token_confidence, second.token_confidence) == ((0.75, 0.25), (0.5,))
