"""Playback of a recording as a live stream with a simulated clock.

The playback never sleeps. A packet of audio becomes available at the time of its end. Its
processing starts then, or when earlier processing is done, and takes the measured time. The time of
a result is therefore the time at which a live user of this machine would see it.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from moeasr.errors import InputError

ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)


class Listener(Protocol[ResultT_co]):
    """A stream that turns audio into results."""

    def accept(self, samples: Any) -> list[ResultT_co]:
        """Process (S,) further samples, and return the new results."""
        ...

    def finish(self) -> list[ResultT_co]:
        """End the stream, and return the new results."""
        ...


@dataclass(frozen=True)
class TimedResult(Generic[ResultT]):
    """A result, and the time at which a user sees it."""

    shown_sec: float
    """Seconds since the stream began."""
    result: ResultT


class Playback(Generic[ResultT]):
    """A player of a recording into a stream.

    Args:
        stream: A new stream.
        sample_rate_hz: Sample rate of the recording, which the stream expects.
        packet_sec: Duration of a packet in seconds.
        clock: Function that returns monotonic seconds.
    """

    def __init__(
        self,
        stream: Listener[ResultT],
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

    def run(self, blocks: Iterable[Any]) -> Iterator[TimedResult[ResultT]]:
        """Play (S,) samples, in one block or several, and finish the stream.

        Blocks may arrive from a live source. The clock does not count the time of waiting for them.
        """
        num_heard = 0
        for block in blocks:
            for first in range(0, len(block), self._packet_samples):
                packet = block[first : first + self._packet_samples]
                num_heard += len(packet)
                yield from self._work(num_heard, lambda packet=packet: self._stream.accept(packet))
        yield from self._work(num_heard, self._stream.finish)

    def _work(
        self, num_heard: int, work: Callable[[], list[ResultT]]
    ) -> Iterator[TimedResult[ResultT]]:
        """Do the processing that can begin once this many samples have arrived."""
        start_sec = self._clock()
        results = work()
        took_sec = self._clock() - start_sec
        self.busy_sec += took_sec
        self._free_sec = max(self._free_sec, num_heard / self._rate_hz) + took_sec
        for result in results:
            yield TimedResult(self._free_sec, result)
