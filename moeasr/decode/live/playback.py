"""Streams as if live: recorded sound comes in at the speed it was spoken, and a clock runs along.

Nobody waits: a packet of sound is there at the time at which it ends, work on it begins then (or
when earlier work is done) and takes as long as it takes, so the time of a result is that at which a
listener would have seen it on this machine.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.stream import RecognitionStream, StreamingRecognizer, StreamResult
from moeasr.decode.test_set import describe_model, describe_settings
from moeasr.errors import InputError

PERCENTILES = (50, 90, 95)


class TimedResult(NamedTuple):
    """A result, and when it is seen."""

    shown_sec: float
    """Since the stream began."""
    result: StreamResult


class Playback:
    """Plays sound into a stream.

    Args:
        stream: A new one.
        sample_rate_hz: Of the sound, which is the model's.
        packet_sec: Length of the packets in which it comes.
        clock: Seconds that only go forward.
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
                f"packets must last at least one sample at {sample_rate_hz} Hz, but are of "
                f"{packet_sec:g} s"
            )
        self._stream = stream
        self._rate_hz = sample_rate_hz
        self._packet_samples = int(packet_sec * sample_rate_hz)
        self._clock = clock
        self._free_sec = 0.0  # when all work so far is done
        self.busy_sec = 0.0
        """Seconds of work so far."""

    def run(self, waveform: Tensor) -> Iterator[TimedResult]:
        """Play (S,) samples to their end, and the end."""
        end = waveform.numel()
        for first in range(0, end, self._packet_samples):
            last = min(first + self._packet_samples, end)
            packet = waveform[first:last]
            yield from self._work(last, lambda packet=packet: self._stream.accept(packet))
        yield from self._work(end, self._stream.finish)

    def _work(
        self, num_heard: int, work: Callable[[], list[StreamResult]]
    ) -> Iterator[TimedResult]:
        """Do what can be done once this many samples have been heard."""
        start_sec = self._clock()
        results = work()
        took_sec = self._clock() - start_sec
        self.busy_sec += took_sec
        self._free_sec = max(self._free_sec, num_heard / self._rate_hz) + took_sec
        for result in results:
            yield TimedResult(self._free_sec, result)


@dataclass(frozen=True)
class SimulatedUtterance:
    """One utterance streamed as if live."""

    hypotheses: Sequence[Hypothesis]
    """Best first."""
    audio_sec: float
    busy_sec: float
    first_partial_latency_sec: float | None
    """From the end of the frame of the first unit to the first result that shows one; None if
    nothing was recognised."""
    final_latency_sec: float
    """From the end of the sound to the last result."""


def simulate_utterance(
    streaming: StreamingRecognizer, waveform: Tensor, packet_sec: float, language: int | None
) -> SimulatedUtterance:
    """Stream one utterance, (S,) samples at the model's rate, without end points."""
    rate_hz = streaming.recognizer.fbank.sample_rate_hz
    playback = Playback(streaming.open(language), rate_hz, packet_sec)
    timed = list(playback.run(waveform))
    final = timed[-1]
    first_shown = next((item.shown_sec for item in timed if item.result.text), None)
    latency, best = None, final.result.nbest[0]
    if first_shown is not None and best.frames:
        latency = first_shown - (best.frames[0] + 1) * streaming.frame_sec
    audio_sec = waveform.numel() / rate_hz
    return SimulatedUtterance(
        hypotheses=final.result.nbest,
        audio_sec=audio_sec,
        busy_sec=playback.busy_sec,
        first_partial_latency_sec=latency,
        final_latency_sec=final.shown_sec - audio_sec,
    )


def simulate_test_set(
    streaming: StreamingRecognizer,
    waveforms: Iterable[tuple[str, Tensor, int | None]],
    packet_sec: float,
) -> dict[str, SimulatedUtterance]:
    """Stream utterance after utterance. The first is streamed twice: first calls choose kernels.

    Args:
        streaming: The recogniser.
        waveforms: Id of an utterance, its (S,) samples at the model's rate, and its language.
        packet_sec: Length of the packets in which the sound comes.
    """
    done: dict[str, SimulatedUtterance] = {}
    for utt, waveform, language in waveforms:
        work = (streaming, waveform, packet_sec, language)
        if not done:
            simulate_utterance(*work)
        done[utt] = simulate_utterance(*work)
    return done


def describe_simulation(
    streaming: StreamingRecognizer, utterances: Mapping[str, SimulatedUtterance]
) -> dict[str, Any]:
    """What `decode.json` says: settings, real-time factor, latencies (seconds), and the model."""
    done = list(utterances.values())
    audio_sec = sum(utterance.audio_sec for utterance in done)
    busy_sec = sum(utterance.busy_sec for utterance in done)
    firsts = [utterance.first_partial_latency_sec for utterance in done]
    return {
        **describe_settings(streaming.mode, streaming.config),
        "rtf": busy_sec / audio_sec if audio_sec else 0.0,
        "rtf_includes_features": True,
        "audio_sec": audio_sec,
        "wall_sec": busy_sec,
        "num_utts": len(done),
        "first_partial_latency_sec": _spread([sec for sec in firsts if sec is not None]),
        "final_latency_sec": _spread([utterance.final_latency_sec for utterance in done]),
        **describe_model(streaming.recognizer),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, percentiles (nearest rank) and maximum; empty if there is nothing."""
    if not values:
        return {}
    ordered = sorted(values)
    ranks = {f"p{p}": ordered[math.ceil(p / 100 * len(ordered)) - 1] for p in PERCENTILES}
    return {"mean": sum(ordered) / len(ordered), **ranks, "max": ordered[-1]}
