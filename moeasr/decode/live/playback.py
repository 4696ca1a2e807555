"""Playback of a recording as a live stream with a simulated clock.

The playback never sleeps. A packet of audio becomes available at the time of its end. Its
processing starts then, or when earlier processing is done, and takes the measured time. The time of
a result is therefore the time at which a live user of this machine would see it.
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from torch import Tensor

from moeasr.decode.live.recognition_stream import RecognitionStream, StreamResult
from moeasr.errors import InputError


class TimedResult(NamedTuple):
    """A result, and the time at which a user sees it."""

    shown_sec: float
    """Seconds since the stream began."""
    result: StreamResult


class Playback:
    """A player of a recording into a recognition stream.

    Args:
        stream: A new stream.
        sample_rate_hz: Sample rate of the recording, equal to the model's.
        packet_sec: Duration of a packet in seconds.
        clock: Function that returns monotonic seconds.
    """

    def __init__(
        self,
        stream: RecognitionStream,
        sample_rate_hz: int,
        packet_sec: float = 0.1,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not math.isfinite(packet_sec) or packet_sec * sample_rate_hz < 1:
            raise InputError(
                f"a packet must have at least one sample at {sample_rate_hz} Hz, but is "
                f"{packet_sec:g} s long"
            )
        self._stream = stream
        self._rate_hz = sample_rate_hz
        self._packet_samples = int(packet_sec * sample_rate_hz)
        self._clock = clock
        self._free_sec = 0.0  # time at which all processing so far is done
        self.busy_sec = 0.0
        """Seconds of processing so far."""

    def run(self, waveform: Tensor) -> Iterator[TimedResult]:
        """Play (S,) samples and finish the stream."""
        end = waveform.numel()
        for first in range(0, end, self._packet_samples):
            last = min(first + self._packet_samples, end)
            packet = waveform[first:last]
            yield from self._work(last, lambda packet=packet: self._stream.accept(packet))
        yield from self._work(end, self._stream.finish)

    def _work(
        self, num_heard: int, work: Callable[[], list[StreamResult]]
    ) -> Iterator[TimedResult]:
        """Do the processing that can begin once this many samples have arrived."""
        start_sec = self._clock()
        results = work()
        took_sec = self._clock() - start_sec
        self.busy_sec += took_sec
        self._free_sec = max(self._free_sec, num_heard / self._rate_hz) + took_sec
        for result in results:
            yield TimedResult(self._free_sec, result)
