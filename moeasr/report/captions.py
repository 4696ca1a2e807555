"""Captions of a recording: short texts with times, as subtitles show them."""

from collections.abc import Sequence
from typing import NamedTuple

from moeasr.api.long_recording import Segment
from moeasr.api.transcription import Word
from moeasr.text.scripts import joined

MAX_CHARACTERS = 84
"""Longest caption, two lines of 42 characters."""
MAX_SEC = 7.0
"""Longest duration of a caption."""
MAX_PAUSE_SEC = 0.8
"""Longest pause between two words of a caption."""


class Caption(NamedTuple):
    """A text with its times."""

    start: float
    """Start, seconds."""
    end: float
    """End, seconds."""
    text: str


def captions_of(segments: Sequence[Segment]) -> list[Caption]:
    """Return the captions of a recording, in order and without overlap.

    A caption contains whole words of one segment. A segment without times of words is one caption.
    """
    found = []
    for segment in segments:
        if segment.result.words:
            found += _of_words(segment.result.words)
        elif segment.result.text:
            found.append(Caption(segment.start, segment.end, segment.result.text))
    return found


def _of_words(words: Sequence[Word]) -> list[Caption]:
    found: list[Caption] = []
    for word in words:
        last = found[-1] if found else None
        text = word.text if last is None else joined(last.text, word.text)
        if (
            last is None
            or len(text) > MAX_CHARACTERS
            or word.end - last.start > MAX_SEC
            or word.start - last.end > MAX_PAUSE_SEC
        ):
            found.append(Caption(word.start, word.end, word.text))
        else:
            found[-1] = Caption(last.start, word.end, text)
    return found
