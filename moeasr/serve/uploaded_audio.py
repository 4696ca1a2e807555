"""Recognition of an audio file that a client has uploaded."""

import io
import time
from collections.abc import Iterator

import numpy as np
import soundfile

from moeasr.api.engine import Task
from moeasr.api.transcription import Transcription, Word
from moeasr.audio.decoded import mix_down
from moeasr.audio.header import HEAD_BYTES, header_overshoots, open_audio
from moeasr.audio.samples import check_amplitudes
from moeasr.decode.live.config import EndpointConfig
from moeasr.deploy.folder_engine import FolderEngine
from moeasr.errors import InputError
from moeasr.serve.metrics import Metrics

WHOLE_SEC = 30.0
"""Duration up to which a file is recognised as a whole, which is more accurate. A longer file is
recognised as a stream, whose memory does not grow."""
BLOCK_SEC = 10


class UploadedAudio:
    """A recogniser of uploaded files.

    Args:
        engine: The model folder.
        whole: Mode and settings for whole recordings.
        stream: Mode and settings for longer files.
        rules: Rules that end an utterance in longer files.
        max_sec: Duration of a file, seconds.
        metrics: Counters.
    """

    def __init__(
        self,
        engine: FolderEngine,
        whole: Task,
        stream: Task,
        rules: EndpointConfig,
        max_sec: float,
        metrics: Metrics,
    ) -> None:
        self._engine = engine
        self._transcriber = engine.transcriber(whole)
        self._stream = stream
        self._rules = rules
        self._max_sec = max_sec
        self._metrics = metrics

    def transcribe(self, content: bytes, name: str) -> tuple[Transcription, float]:
        """Return the transcription of an audio file and its duration in seconds.

        Args:
            content: The file's bytes.
            name: The file's name in messages.

        Raises:
            InputError: The file is not audio, is damaged, or too long.
        """
        start = time.perf_counter()
        head = content[:HEAD_BYTES]
        with open_audio(io.BytesIO(content), head, name) as audio:
            header_overshoots(audio, head, name)  # raises if the file is truncated
            rate_hz, duration_sec = audio.samplerate, audio.frames / audio.samplerate
            if duration_sec > self._max_sec:
                raise InputError(
                    f"{name} lasts {duration_sec:.0f} s, but the server takes at most "
                    f"{self._max_sec:.0f} s"
                )
            blocks = _blocks(audio, rate_hz, name)
            if duration_sec <= WHOLE_SEC:
                samples = np.concatenate([np.zeros(0, np.float32), *blocks])
                if not len(samples):
                    raise InputError(f"{name} contains no samples")
                waveform = self._engine.waveform(samples, rate_hz)
                (result,) = self._transcriber.run([waveform])
            else:
                result = self._as_stream(blocks, rate_hz)
        self._metrics.add("audio_seconds_total", duration_sec)
        self._metrics.add("compute_seconds_total", time.perf_counter() - start)
        return result, duration_sec

    def _as_stream(self, blocks: Iterator[np.ndarray], rate_hz: int) -> Transcription:
        """Recognise a long file as a stream."""
        stream = self._engine.open_stream(self._stream, self._rules, rate_hz)
        texts: list[str] = []
        words: list[Word] = []
        finals = [result for block in blocks for result in stream.push(block) if result.is_final]
        for result in (*finals, *stream.finish()):
            if result.is_final and result.text:
                texts.append(result.text)
                words += result.words
        return Transcription(" ".join(texts), tuple(words))


def _blocks(audio: soundfile.SoundFile, rate_hz: int, name: str) -> Iterator[np.ndarray]:
    """Yield the mono samples of an open file in blocks."""
    first = 0
    for block in audio.blocks(BLOCK_SEC * rate_hz, dtype="float32", always_2d=True):
        check_amplitudes(block, name, first)
        first += len(block)
        yield mix_down(block, name, None)
    if first < audio.frames:
        raise InputError(f"{name} is truncated: it ends after {first} of {audio.frames} samples")
