"""Results, and how they are printed."""

from moeasr.api.transcription import (
    Alternative,
    Transcription,
    Word,
    transcription_of,
    words_of,
)
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.times import Timed, Times


class FakeRecognizer:
    """Spells units as numbers, and knows times of aligned hypotheses."""

    def text(self, hypothesis):
        return " ".join(map(str, hypothesis.tokens))

    def times(self, hypothesis):
        if hypothesis.spans is None:
            return None
        return Times(tokens=[], words=[Timed("7", 0.0, 0.08, 0.5), Timed("8", 0.2, 0.24, 0.25)])


ALIGNED = Hypothesis(tokens=(7, 8), score=-0.5, ctc_score=0.0, spans=((0, 2), (5, 6)))
UNALIGNED = Hypothesis(tokens=(7,), score=-1.0)


def test_the_best_hypothesis_is_the_result():
    assert transcription_of([ALIGNED, UNALIGNED], FakeRecognizer()) == Transcription(
        text="7 8",
        words=(Word("7", 0.0, 0.08, 0.5), Word("8", 0.2, 0.24, 0.25)),
        nbest=(Alternative("7 8", -0.5, 1.0), Alternative("7", -1.0, None)),
    )


def test_a_hypothesis_without_times_and_none_at_all():
    result = transcription_of([UNALIGNED], FakeRecognizer())
    assert (result.text, result.words, result.confidence) == ("7", (), None)
    assert transcription_of([], FakeRecognizer()) == Transcription("")


def test_times_may_count_from_elsewhere():
    assert words_of(ALIGNED, FakeRecognizer(), offset_sec=2.0)[0] == Word("7", 2.0, 2.08, 0.5)


def test_a_result_is_printed_as_its_text_and_shown_in_one_line():
    result = transcription_of([ALIGNED, UNALIGNED], FakeRecognizer())
    assert f"{result}" == "7 8"
    shown = "<Transcription '7 8', confidence 1.000, 2 words with times, 2 hypotheses>"
    assert repr(result) == shown
    assert repr(result.words) == "(<7 0.00-0.08 s, 0.500>, <8 0.20-0.24 s, 0.250>)"
    assert "confidence None" in repr(Transcription("x"))
