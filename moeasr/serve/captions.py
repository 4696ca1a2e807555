"""Captions of a transcription, and the forms SRT and WebVTT."""

from collections.abc import Sequence
from typing import NamedTuple

from moeasr.api.transcription import Word

MAX_CHARACTERS, MAX_SEC, MIN_PAUSE_SEC = 80, 6.0, 0.6
"""Longest caption, and the shortest pause that ends one."""


class Caption(NamedTuple):
    """Some words of a transcription."""

    start: float
    """Start of the first word, seconds."""
    end: float
    """End of the last word, seconds."""
    text: str


def captions_of(text: str, words: Sequence[Word], duration_sec: float) -> list[Caption]:
    """Divide a text into captions at pauses, and where a caption would be too long.

    Args:
        text: The text.
        words: Its words; none if they have no times. Then the text is one caption.
        duration_sec: Duration of the recording, seconds.
    """
    if not words:
        return [Caption(0.0, duration_sec, text)] if text else []
    spans, place = [], 0
    for word in words:
        first = text.index(word.text, place)
        place = first + len(word.text)
        spans.append((first, place))
    captions, begin = [], 0
    for end in range(1, len(words) + 1):
        if end < len(words):
            pause_sec = words[end].start - words[end - 1].end
            num_characters = spans[end][1] - spans[begin][0]
            is_long = words[end].end - words[begin].start > MAX_SEC
            if pause_sec < MIN_PAUSE_SEC and num_characters <= MAX_CHARACTERS and not is_long:
                continue
        part = text[spans[begin][0] : spans[end - 1][1]]
        captions.append(Caption(words[begin].start, words[end - 1].end, part))
        begin = end
    return captions


def srt(captions: Sequence[Caption]) -> str:
    """Return captions in the form of SubRip."""
    return "\n".join(
        f"{number}\n{_clock(c.start, ',')} --> {_clock(c.end, ',')}\n{c.text}\n"
        for number, c in enumerate(captions, start=1)
    )


def vtt(captions: Sequence[Caption]) -> str:
    """Return captions in the form of WebVTT."""
    cues = (f"{_clock(c.start, '.')} --> {_clock(c.end, '.')}\n{c.text}\n" for c in captions)
    return "\n".join(["WEBVTT\n", *cues])


def _clock(seconds: float, point: str) -> str:
    """Return a time as hours, minutes, seconds and milliseconds."""
    total_ms = round(seconds * 1000)
    minutes, ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{ms // 1000:02d}{point}{ms % 1000:03d}"
