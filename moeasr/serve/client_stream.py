"""A live stream as the event loop sees it: samples in, results out, at the pace of the worker."""

import asyncio
from collections import deque
from collections.abc import Sequence

import numpy as np

from moeasr.api.live_stream import LiveTranscription
from moeasr.errors import InputError
from moeasr.serve.stream_worker import StreamWorker


class ClientStream:
    """A live stream of a client.

    Args:
        worker: The thread that recognises the stream.
        max_waiting_sec: Audio that may wait for recognition, seconds.
        phrases: Phrases to boost.
    """

    def __init__(
        self, worker: StreamWorker, max_waiting_sec: float, phrases: Sequence[str] = ()
    ) -> None:
        self._worker = worker
        self._room = max_waiting_sec * worker.sample_rate_hz
        self._results: deque[LiveTranscription] = deque()
        self._is_over = False
        self._fault: str | None = None
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        worker.open(self, phrases)

    async def push(self, samples: np.ndarray) -> None:
        """Accept (S,) further samples, after a wait if too much audio waits for recognition."""
        await self._has_room.wait()
        self.on_heard(-len(samples))
        self._worker.push(self, samples)

    def finish(self) -> None:
        """End the audio. The remaining results follow."""
        self._worker.finish(self)

    def drop(self) -> None:
        """Drop the stream, unless it has ended."""
        self._worker.drop(self)

    async def next_result(self) -> LiveTranscription | None:
        """Return the next result; None at the end of the stream.

        A partial result that is older than another result is left out.

        Raises:
            InputError: The stream has failed because of its samples.
        """
        while not self._results and not self._is_over:
            self._changed.clear()
            await self._changed.wait()
        if self._results:
            return self._results.popleft()
        if self._fault is not None:
            raise InputError(self._fault)
        return None

    def on_heard(self, num_samples: int) -> None:
        """Count waiting samples, see `Listener.on_heard`."""
        self._room += num_samples
        if self._room > 0 or self._is_over:
            self._has_room.set()
        else:
            self._has_room.clear()

    def on_results(self, results: Sequence[LiveTranscription]) -> None:
        """Accept new results, see `Listener.on_results`."""
        for result in results:
            if self._results and not self._results[-1].is_final:
                self._results.pop()
            self._results.append(result)
        self._changed.set()

    def on_end(self, fault: str | None) -> None:
        """Note the end of the results, see `Listener.on_end`."""
        self._is_over, self._fault = True, fault
        self._changed.set()
        self._has_room.set()
