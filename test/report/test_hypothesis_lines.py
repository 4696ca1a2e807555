"""Hypotheses as lines."""

from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.times import Timed, Times
from moeasr.report.hypothesis_lines import nbest_lines, word_lines


class FakeRecognizer:
    """Spells units as numbers, and knows times of aligned hypotheses."""

    def text(self, hypothesis):
        return " ".join(map(str, hypothesis.tokens))

    def times(self, hypothesis):
        if hypothesis.spans is None:
            return None
        return Times(tokens=[], words=[Timed("7", 0.0, 0.08, 0.5), Timed("8", 0.2, 0.24, 0.5)])


def test_rank_confidence_and_text():
    sure = Hypothesis(tokens=(7, 8), score=0.0, ctc_score=0.0)
    unknown = Hypothesis(tokens=(), score=-1.0)
    assert nbest_lines([sure, unknown], FakeRecognizer()) == ["1\t1.000\t7 8", "2\t-\t"]


def test_words_in_time():
    aligned = Hypothesis(tokens=(7, 8), score=0.0, spans=((0, 2), (5, 6)))
    lines = ["0.00\t0.08\t0.500\t7", "0.20\t0.24\t0.500\t8"]
    assert word_lines(aligned, FakeRecognizer()) == lines
    assert word_lines(Hypothesis(tokens=(7,), score=0.0), FakeRecognizer()) is None
