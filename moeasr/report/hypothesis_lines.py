"""Lines of text for hypotheses: the n best, or the words of the best with their times."""

from collections.abc import Iterable

from moeasr.api.transcription import Transcription, Word


def nbest_lines(result: Transcription, num_wanted: int) -> list[str]:
    """Return `rank<TAB>confidence<TAB>text` of the best hypotheses."""
    return [
        f"{rank}\t{_digits(entry.confidence)}\t{entry.text}"
        for rank, entry in enumerate(result.nbest[:num_wanted], start=1)
    ]


def word_lines(words: Iterable[Word]) -> list[str]:
    """Return `start<TAB>end<TAB>confidence<TAB>word` of each word."""
    return [
        f"{word.start:.2f}\t{word.end:.2f}\t{_digits(word.confidence)}\t{word.text}"
        for word in words
    ]


def _digits(confidence: float | None) -> str:
    return "-" if confidence is None else f"{confidence:.3f}"
