"""Recognition of an audio file that a client has uploaded."""

import io
import time
from collections.abc import Iterable, Iterator

import numpy as np

from moeasr.api.engine import Engine, Task
from moeasr.api.long_recording import RecordingTranscriber, TranscribedRecording
from moeasr.audio.audio_blocks import AudioBlocks
from moeasr.audio.header import HEAD_BYTES, open_audio
from moeasr.errors import InputError
from moeasr.serve.metrics import Metrics

STOPPING = "the server is stopping"


class UploadedAudio:
    """A recogniser of uploaded files.

    Args:
        engine: The model folder.
        task: Mode and settings for whole recordings.
        max_sec: Duration of a file, seconds.
        metrics: Counters.
    """

    def __init__(self, engine: Engine, task: Task, max_sec: float, metrics: Metrics) -> None:
        self._transcriber = RecordingTranscriber(engine, task)
        self._max_sec = max_sec
        self._metrics = metrics
        self._is_stopped = False

    def stop(self) -> None:
        """Stop the file that is being recognised, at its next block of samples."""
        self._is_stopped = True

    def transcribe(self, content: bytes, name: str) -> TranscribedRecording:
        """Return the transcription of an audio file.

        Args:
            content: The file's bytes.
            name: The file's name in messages.

        Raises:
            InputError: The file is not audio, is damaged, or too long.
        """
        start, head = time.perf_counter(), content[:HEAD_BYTES]
        with open_audio(io.BytesIO(content), head, name) as audio:
            duration_sec = audio.frames / audio.samplerate
            if duration_sec > self._max_sec:
                raise InputError(
                    f"{name} lasts {duration_sec:.0f} s, but the server takes at most "
                    f"{self._max_sec:.0f} s"
                )
            blocks = self._until_stopped(AudioBlocks(audio, head, name))
            found = self._transcriber.run(blocks, audio.samplerate)
        self._metrics.add("audio_seconds_total", duration_sec)
        self._metrics.add("compute_seconds_total", time.perf_counter() - start)
        return found

    def _until_stopped(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            if self._is_stopped:
                raise InputError(STOPPING)
            yield block
