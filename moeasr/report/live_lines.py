"""Lines of live recognition: partial and final results with the times at which they are seen."""

from collections.abc import Iterable, Iterator

import numpy as np

from moeasr.api.live_stream import LiveStream, LiveTranscription
from moeasr.decode.live.playback import Playback, TimedResult


def live_lines(
    name: str, blocks: Iterable[np.ndarray], stream: LiveStream, rate_hz: int, packet_sec: float
) -> Iterator[str]:
    """Return lines `name<TAB>seconds<TAB>partial|final<TAB>text` of results, as soon as they exist.

    Args:
        name: The name of the recording.
        blocks: Its samples as (S,) float32 arrays, which may arrive from a live source.
        stream: A new stream for samples of this rate.
        rate_hz: The sample rate.
        packet_sec: Duration of the packets that the stream receives.

    Raises:
        InputError: A packet would have no sample.
    """
    playback = Playback(stream, rate_hz, packet_sec)
    return (_line(name, shown) for shown in playback.run(blocks))


def _line(name: str, shown: TimedResult[LiveTranscription]) -> str:
    kind = "final" if shown.result.is_final else "partial"
    return f"{name}\t{shown.shown_sec:.2f}\t{kind}\t{shown.result.text}"
