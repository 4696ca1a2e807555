"""The forms in which the text of recordings is written: JSON, subtitles, CTM and TextGrid.

This module does not import torch.
"""

from collections.abc import Callable
from typing import NamedTuple

from moeasr.api.long_recording import TranscribedRecording
from moeasr.decode.times import Timed, ctm_line
from moeasr.report.captions import captions_of
from moeasr.strict_json import to_json


class TranscriptForm(NamedTuple):
    """A form of output."""

    render: Callable[[str, TranscribedRecording], str]
    """Function that returns the content for a recording, given its name."""
    suffix: str
    """Suffix of a file in this form."""
    needs_times: bool
    """True if the form consists of words or captions with times."""
    can_join: bool
    """True if one file may contain several recordings."""


def as_text(name: str, recording: TranscribedRecording) -> str:
    """Return `name<TAB>text`."""
    return f"{name}\t{recording.text}\n"


def as_json(name: str, recording: TranscribedRecording) -> str:
    """Return a JSON object in one line: the recording, its segments and their words."""
    content = {
        "name": name,
        "duration": round(recording.duration, 3),
        "text": recording.text,
        "segments": [
            {
                "start": round(segment.start, 3),
                "end": round(segment.end, 3),
                "text": segment.result.text,
                "confidence": _rounded(segment.result.confidence),
                "words": [
                    {
                        "text": word.text,
                        "start": round(word.start, 3),
                        "end": round(word.end, 3),
                        "confidence": _rounded(word.confidence),
                    }
                    for word in segment.result.words
                ],
            }
            for segment in recording.segments
        ],
    }
    return to_json(content, ensure_ascii=False) + "\n"


def as_srt(name: str, recording: TranscribedRecording) -> str:
    """Return SubRip subtitles."""
    return "\n".join(
        f"{number}\n{_clock(c.start, ',')} --> {_clock(c.end, ',')}\n{c.text}\n"
        for number, c in enumerate(captions_of(recording.segments), start=1)
    )


def as_vtt(name: str, recording: TranscribedRecording) -> str:
    """Return WebVTT subtitles."""
    cues = (
        f"\n{_clock(c.start, '.')} --> {_clock(c.end, '.')}\n{_escaped(c.text)}\n"
        for c in captions_of(recording.segments)
    )
    return "WEBVTT\n" + "".join(cues)


def as_ctm(name: str, recording: TranscribedRecording) -> str:
    """Return NIST's time-marked conversation lines; spaces in the name become `_`."""
    recording_id = "_".join(name.split())
    words = (Timed(w.text, w.start, w.end, w.confidence) for w in recording.words)
    return "".join(ctm_line(recording_id, word) for word in words)


def as_textgrid(name: str, recording: TranscribedRecording) -> str:
    """Return Praat's TextGrid with a tier of segments and a tier of words."""
    segments = [(s.start, s.end, s.result.text) for s in recording.segments]
    words = [(word.start, word.end, word.text) for word in recording.words]
    duration = max([recording.duration, *(end for _, end, _ in segments + words)])
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    lines += ["xmin = 0", f"xmax = {duration:.3f}", "tiers? <exists>", "size = 2", "item []:"]
    for number, (tier, spans) in enumerate([("segments", segments), ("words", words)], start=1):
        intervals = _without_gaps(spans, duration)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"']
        lines += [f'        name = "{tier}"', "        xmin = 0", f"        xmax = {duration:.3f}"]
        lines.append(f"        intervals: size = {len(intervals)}")
        for place, (start, end, text) in enumerate(intervals, start=1):
            quoted = text.replace('"', '""')
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {start:.3f}",
                f"            xmax = {end:.3f}",
                f'            text = "{quoted}"',
            ]
    return "\n".join(lines) + "\n"


FORMS: dict[str, TranscriptForm] = {
    "text": TranscriptForm(as_text, ".txt", needs_times=False, can_join=True),
    "json": TranscriptForm(as_json, ".json", needs_times=False, can_join=True),
    "srt": TranscriptForm(as_srt, ".srt", needs_times=True, can_join=False),
    "vtt": TranscriptForm(as_vtt, ".vtt", needs_times=True, can_join=False),
    "ctm": TranscriptForm(as_ctm, ".ctm", needs_times=True, can_join=True),
    "textgrid": TranscriptForm(as_textgrid, ".TextGrid", needs_times=True, can_join=False),
}
"""The forms by their names."""


def _rounded(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, 4)


def _clock(time_sec: float, point: str) -> str:
    """Return `hours:minutes:seconds` with milliseconds behind `point`."""
    minutes, ms = divmod(round(time_sec * 1000), 60000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{ms // 1000:02d}{point}{ms % 1000:03d}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _without_gaps(
    spans: list[tuple[float, float, str]], duration: float
) -> list[tuple[float, float, str]]:
    """Return intervals that cover a recording, with empty ones between the spans."""
    found, end = [], 0.0
    for start, stop, text in [*spans, (duration, duration, "")]:
        if round(start - end, 3) > 0:
            found.append((end, start, ""))
        if round(stop - start, 3) > 0:
            found.append((start, stop, text))
        end = stop
    return found
