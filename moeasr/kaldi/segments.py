"""Segments extended by silence at both ends (extend_segment_times.py)."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from moeasr.datadir.raw_tables import Lines, show
from moeasr.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Padding:
    """The padding of segments, in seconds."""

    start_sec: float = 0.1
    """Padding before each segment, limited by the start of the recording."""
    end_sec: float = 0.1
    """Padding after each segment."""
    last_end_sec: float = 0.1
    """Assumed length of the recording after the end of its last segment."""
    fix_overlaps: bool = True
    """True to separate segments that overlap after padding, in the middle of the overlap."""


@dataclass
class _Segment:
    utt: bytes
    recording: bytes
    start_sec: float
    end_sec: float
    """Infinite for the end of the recording, which a table states as -1."""


def extend_segments(
    lines: Iterable[bytes], padding: Padding, warn: Callable[[str], None]
) -> tuple[Lines, int]:
    """Pad the times of a segments table.

    Args:
        lines: Lines `utterance recording start end`, with times in seconds.
        padding: The padding to add.
        warn: Function that receives a message about each segment that is left out.

    Returns:
        The lines, in their order, and the number of overlaps that were removed.

    Raises:
        InputError: A line has another format.
    """
    segments = [_parse(line, number) for number, line in enumerate(lines, start=1)]
    recordings: dict[bytes, list[_Segment]] = {}
    for segment in segments:
        recordings.setdefault(segment.recording, []).append(segment)
    num_parted = sum(_pad(recording, padding) for recording in recordings.values())
    extended: Lines = []
    for segment in segments:
        if not segment.start_sec < segment.end_sec:
            warn(f"bad segment {show(segment.utt)}: it ends before it begins (ignoring)")
            continue
        times = f" {_shown(segment.start_sec)} {_shown(segment.end_sec)}".encode()
        extended.append(segment.utt + b" " + segment.recording + times)
    return extended, num_parted


def _parse(line: bytes, number: int) -> _Segment:
    try:
        utt, recording, start, end = line.split()
        end_sec = math.inf if float(end) == -1 else float(end)
        return _Segment(utt, recording, float(start), end_sec)
    except ValueError:
        raise InputError(
            f"line {number}: must be `utterance recording start end`, but is '{show(line)}'"
        ) from None


def _pad(segments: list[_Segment], padding: Padding) -> int:
    """Pad the segments of one recording, and return the number of overlaps that were removed."""
    ends = [segment.end_sec for segment in segments if segment.end_sec < math.inf]
    end_sec = max(ends, default=0.0) + padding.last_end_sec
    segments = sorted(segments, key=lambda s: s.start_sec + min(s.end_sec, end_sec))
    for segment in segments:
        segment.start_sec = max(0.0, segment.start_sec - padding.start_sec)
        if segment.end_sec < math.inf:
            segment.end_sec = min(end_sec, segment.end_sec + padding.end_sec)
    num_parted = 0
    for first, second in zip(segments, segments[1:]):
        if padding.fix_overlaps and second.start_sec < first.end_sec < math.inf:
            first.end_sec = second.start_sec = (first.end_sec + second.start_sec) / 2
            num_parted += 1
    return num_parted


def _shown(seconds: float) -> str:
    """Format a time with up to six decimal places, and the end of a recording as -1."""
    if seconds == math.inf:
        return "-1"
    return f"{seconds:.{6 + (len(str(int(seconds))) if seconds > 1 else 0)}g}"
