"""Lines of text for hypotheses: the n best, or the words of the best with their times."""

from collections.abc import Sequence

from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.recognizer import Recognizer


def nbest_lines(nbest: Sequence[Hypothesis], recognizer: Recognizer) -> list[str]:
    """Return `rank<TAB>confidence<TAB>text` for each hypothesis."""
    return [
        f"{rank}\t{_digits(hypothesis.confidence)}\t{recognizer.text(hypothesis)}"
        for rank, hypothesis in enumerate(nbest, start=1)
    ]


def word_lines(hypothesis: Hypothesis, recognizer: Recognizer) -> list[str] | None:
    """Return `start<TAB>end<TAB>confidence<TAB>word` for each word; None without time stamps."""
    times = recognizer.times(hypothesis)
    if times is None:
        return None
    return [
        f"{word.start_sec:.2f}\t{word.end_sec:.2f}\t{_digits(word.confidence)}\t{word.text}"
        for word in times.words
    ]


def _digits(confidence: float | None) -> str:
    return "-" if confidence is None else f"{confidence:.3f}"
