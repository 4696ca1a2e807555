"""The format of a line of `segments`, which maps an utterance to a part of a recording."""

import math
from collections.abc import Sequence
from typing import NamedTuple

RULE = (
    "expected `utterance recording start end` with times in seconds and 0 <= start < end; an end "
    "of -1 is the end of the recording"
)
"""The format of a line in words, for messages."""

MAX_OVERSHOOT_SEC = 0.5
"""The largest time by which a segment may end after its recording (as in Kaldi's
extract-segments)."""


class Segment(NamedTuple):
    """A part of a recording."""

    recording: str | bytes
    start_sec: float
    end_sec: float
    """End of the segment; -1 is the end of the recording (as in Kaldi's extract-segments)."""


def parse_segment(fields: Sequence[str] | Sequence[bytes]) -> Segment:
    """Return the segment described by the fields of a line that follow the utterance.

    Raises:
        ValueError: The fields do not follow `RULE`.
    """
    recording, *times = fields
    start_sec, end_sec = map(float, times)
    is_range = 0 <= start_sec < end_sec < math.inf
    if not is_range and not (end_sec == -1 and 0 <= start_sec < math.inf):
        raise ValueError(RULE)
    return Segment(recording, start_sec, end_sec)
