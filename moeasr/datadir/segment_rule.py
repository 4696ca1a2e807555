"""The rule for a line of `segments`: which part of a recording an utterance is."""

import math
from collections.abc import Sequence
from typing import NamedTuple

RULE = (
    "must be: utterance recording start end, in seconds, with 0 <= start < end, or an end of -1 "
    "for the end of the recording"
)
"""The rule in words, for messages."""

MAX_OVERSHOOT_SEC = 0.5
"""A segment may end this much after its recording, as in Kaldi's extract-segments."""


class Segment(NamedTuple):
    """A part of a recording."""

    recording: str | bytes
    start_sec: float
    end_sec: float
    """-1 is the end of the recording, as in Kaldi's extract-segments."""


def parse_segment(fields: Sequence[str] | Sequence[bytes]) -> Segment:
    """Return the segment that a line of `segments` gives by its fields after the utterance.

    Raises:
        ValueError: The fields break `RULE`.
    """
    recording, *times = fields
    start_sec, end_sec = map(float, times)
    is_range = 0 <= start_sec < end_sec < math.inf
    if not is_range and not (end_sec == -1 and 0 <= start_sec < math.inf):
        raise ValueError(RULE)
    return Segment(recording, start_sec, end_sec)
