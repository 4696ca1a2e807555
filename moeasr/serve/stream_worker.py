"""The thread that recognises all live streams of a server."""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from moeasr.api.live_stream import LiveTranscription
from moeasr.deploy.batched_streams import BatchedStream, StreamBatch
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.serve.metrics import Metrics

FAULT = "an error of the server; its log has the details"
logger = get_logger(__name__)


class Listener(Protocol):
    """A receiver of what happens to a stream. Its methods are called in the event loop."""

    def on_heard(self, num_samples: int) -> None:
        """Note that samples no longer wait."""
        ...

    def on_results(self, results: Sequence[LiveTranscription]) -> None:
        """Accept new results."""
        ...

    def on_end(self, fault: str | None) -> None:
        """Note that no results follow; `fault` says why if the stream failed."""
        ...


@dataclass(eq=False)
class _Entry:
    """A stream in the worker's thread."""

    stream: BatchedStream
    listener: Listener
    packets: deque[np.ndarray] = field(default_factory=deque)
    """Samples that wait until the chunks before them are recognised."""
    has_ended: bool = False


class StreamWorker:
    """A thread that computes features, networks and searches of all streams of a server.

    All streams with a complete chunk are encoded in one batch. The methods are called in the event
    loop and return at once.

    Args:
        batch: The streams' model and settings.
        max_batch: Number of streams that are encoded together.
        metrics: Counters.
    """

    def __init__(self, batch: StreamBatch, max_batch: int, metrics: Metrics) -> None:
        self.sample_rate_hz = batch.sample_rate_hz
        self._batch = batch
        self._max_batch = max_batch
        self._metrics = metrics
        self._commands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._entries: dict[Listener, _Entry] = {}
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="streams", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the thread.

        Args:
            loop: The event loop of the listeners.
        """
        self._loop = loop
        self._thread.start()

    def open(self, listener: Listener, phrases: Sequence[str]) -> None:
        """Open a stream, in which some phrases are boosted."""
        self._commands.put(lambda: self._open(listener, phrases))

    def push(self, listener: Listener, samples: np.ndarray) -> None:
        """Accept (S,) further samples of a stream."""
        self._commands.put(lambda: self._push(listener, samples))

    def finish(self, listener: Listener) -> None:
        """End a stream after the samples so far. Its results follow."""
        self._commands.put(lambda: self._finish(listener))

    def drop(self, listener: Listener) -> None:
        """Drop a stream. Its results are not wanted."""
        self._commands.put(lambda: self._drop(listener))

    def stop(self) -> None:
        """End the thread without finishing the streams, and wait for the end."""
        self._commands.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._is_stopped:
            self._take_commands()
            start = time.perf_counter()
            self._feed()
            self._advance()
            self._end()
            self._metrics.add("compute_seconds_total", time.perf_counter() - start)

    def _take_commands(self) -> None:
        """Run the commands so far. Wait for one if there is no other work."""
        has_work = any(
            entry.packets or entry.has_ended or entry.stream.is_ready
            for entry in self._entries.values()
        )
        while True:
            try:
                command = self._commands.get(block=not has_work)
            except queue.Empty:
                return
            if command is None:
                self._is_stopped = True
                return
            command()
            has_work = True

    def _open(self, listener: Listener, phrases: Sequence[str]) -> None:
        try:
            self._entries[listener] = _Entry(self._batch.open(phrases), listener)
        except InputError as error:
            self._call(listener.on_end, str(error))
        except Exception:  # the thread, on which all streams depend, must go on
            logger.exception("a stream could not be opened")
            self._call(listener.on_end, FAULT)

    def _push(self, listener: Listener, samples: np.ndarray) -> None:
        if listener in self._entries:  # else it has failed
            self._entries[listener].packets.append(samples)

    def _finish(self, listener: Listener) -> None:
        if listener in self._entries:
            self._entries[listener].has_ended = True

    def _drop(self, listener: Listener) -> None:
        self._entries.pop(listener, None)

    def _feed(self) -> None:
        """Compute the features of waiting samples, up to the next complete chunk of each stream."""
        for entry in list(self._entries.values()):
            while entry.packets and not entry.stream.is_ready:
                samples = entry.packets.popleft()
                self._call(entry.listener.on_heard, len(samples))
                self._metrics.add("audio_seconds_total", len(samples) / self.sample_rate_hz)
                if self._try([entry], entry.stream.push, samples) is None:
                    break

    def _advance(self) -> None:
        """Recognise the next chunk of the streams that have waited longest."""
        ready = [entry for entry in self._entries.values() if entry.stream.is_ready]
        ready = ready[: self._max_batch]
        if not ready:
            return
        for entry in ready:  # behind the others
            self._entries[entry.listener] = self._entries.pop(entry.listener)
        found = self._try(ready, self._batch.advance, [entry.stream for entry in ready])
        self._metrics.add("batches_total")
        self._metrics.add("chunks_total", len(ready))
        for entry, results in zip(ready, found or ()):
            self._deliver(entry, results)

    def _end(self) -> None:
        """Finish the streams that have ended and have no complete chunk."""
        for entry in list(self._entries.values()):
            if entry.has_ended and not entry.packets and not entry.stream.is_ready:
                results = self._try([entry], entry.stream.finish)
                if results is not None:
                    self._deliver(entry, results)
                    del self._entries[entry.listener]
                    self._call(entry.listener.on_end, None)

    def _deliver(self, entry: _Entry, results: Sequence[LiveTranscription]) -> None:
        if results:
            self._metrics.add("results_total", sum(result.is_final for result in results))
            self._call(entry.listener.on_results, results)

    def _try(self, entries: Sequence[_Entry], work: Callable[..., Any], *args: Any) -> Any:
        """Return what a function returns; None if it fails, which ends the streams."""
        try:
            return work(*args)
        except InputError as error:
            fault = str(error)
        except Exception:
            logger.exception("a stream failed")
            fault = FAULT
        for entry in entries:
            del self._entries[entry.listener]
            self._call(entry.listener.on_end, fault)
        return None

    def _call(self, method: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed after a second Ctrl-C
            self._loop.call_soon_threadsafe(method, *args)
