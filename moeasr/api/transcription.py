"""The result of recognising one recording: text, words with times, and further hypotheses.

This module does not import torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.times import Times
from moeasr.plurals import counted


class HypothesisReader(Protocol):
    """A model that converts its hypotheses to text and times."""

    def text(self, hypothesis: Hypothesis) -> str:
        """Return the text of a hypothesis."""
        ...

    def times(self, hypothesis: Hypothesis) -> Times | None:
        """Return the times of a hypothesis's tokens and words; None if it has no CTC alignment."""
        ...


@dataclass(frozen=True)
class Word:
    """A word of a transcription. Its times come from the best CTC alignment."""

    text: str
    """The word; in Chinese, Japanese or Thai a character."""
    start: float
    """Start of the word, seconds from the start of the recording."""
    end: float
    """End of the word, seconds from the start of the recording."""
    confidence: float
    """Posterior of the word's least certain token, 0 to 1."""

    def __repr__(self) -> str:
        """Return the word with its times to a hundredth of a second."""
        return f"<{self.text} {self.start:.2f}-{self.end:.2f} s, {self.confidence:.3f}>"


@dataclass(frozen=True)
class Alternative:
    """One entry of an n-best list."""

    text: str
    """The text of the hypothesis."""
    score: float
    """Score by which the list is sorted in descending order; each decoding mode defines its own."""
    confidence: float | None
    """Mean posterior of the tokens, 0 to 1; None if the mode does not compute it."""


@dataclass(frozen=True)
class Transcription:
    """The text of one recording. `print` shows the text alone."""

    text: str
    """The text of the best hypothesis."""
    words: tuple[Word, ...] = ()
    """The words of `text` with their times; empty if the hypothesis has no CTC alignment, as from a
    model without CTC."""
    nbest: tuple[Alternative, ...] = ()
    """The hypotheses that the search kept, best first."""

    @property
    def confidence(self) -> float | None:
        """Confidence of the best hypothesis, 0 to 1; None if the mode does not compute it."""
        return self.nbest[0].confidence if self.nbest else None

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    def __repr__(self) -> str:
        """Return the text and a summary of the rest in one line."""
        confidence = "None" if self.confidence is None else f"{self.confidence:.3f}"
        words = counted(len(self.words), "word with times", "words with times")
        counts = f"{words}, {counted(len(self.nbest), 'hypothesis', 'hypotheses')}"
        return f"<{type(self).__name__} {self.text!r}, confidence {confidence}, {counts}>"


def transcription_of(nbest: Sequence[Hypothesis], model: HypothesisReader) -> Transcription:
    """Return the result of one recording.

    Args:
        nbest: The hypotheses of the recording, best first.
        model: The model that made them.
    """
    if not nbest:
        return Transcription("")
    return Transcription(
        text=model.text(nbest[0]),
        words=words_of(nbest[0], model),
        nbest=alternatives_of(nbest, model),
    )


def words_of(
    hypothesis: Hypothesis, model: HypothesisReader, offset_sec: float = 0.0
) -> tuple[Word, ...]:
    """Return the words of a hypothesis with times; none if the hypothesis has no alignment.

    Args:
        hypothesis: The hypothesis.
        model: The model that made it.
        offset_sec: Seconds that are added to all times.
    """
    times = model.times(hypothesis)
    if times is None:
        return ()
    return tuple(
        Word(w.text, w.start_sec + offset_sec, w.end_sec + offset_sec, w.confidence)
        for w in times.words
    )


def alternatives_of(
    nbest: Sequence[Hypothesis], model: HypothesisReader
) -> tuple[Alternative, ...]:
    """Return text, score and confidence of each hypothesis of an n-best list."""
    return tuple(Alternative(model.text(h), h.score, h.confidence) for h in nbest)
