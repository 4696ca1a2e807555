"""Recognition of recordings of any length in bounded memory.

A recording of up to `WHOLE_SEC` is recognised as a whole. A longer one is cut at its pauses, and
each piece is recognised alone, with the same mode and settings. A model that can stream finds the
pauses with its streaming encoder; for other models silero-vad does. This module does not import
torch.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from moeasr.api.engine import Engine, Task
from moeasr.api.transcription import Transcription, Word
from moeasr.audio.packet_resampling import PacketResampler
from moeasr.audio.pauses import PauseRules, SpeechDetector, cut_at_pauses
from moeasr.audio.silero_detector import SileroDetector
from moeasr.errors import InputError
from moeasr.text.scripts import joined

WHOLE_SEC = 30.0
"""Longest recording that is recognised as a whole, seconds."""
PIECES = PauseRules()


@dataclass(frozen=True)
class Segment:
    """The text of a part of a recording."""

    start: float
    """Start of the part, seconds from the start of the recording."""
    end: float
    """End of the part, seconds from the start of the recording."""
    result: Transcription
    """Its transcription; the times of words count from the start of the recording."""


@dataclass(frozen=True)
class TranscribedRecording:
    """The text of a recording."""

    duration: float
    """Duration of the recording, seconds."""
    segments: tuple[Segment, ...]
    """The parts that contain speech, in order. A recording that was recognised as a whole has one
    segment."""
    is_whole: bool
    """True if the recording was recognised as a whole."""

    @property
    def text(self) -> str:
        """The text of the recording."""
        return functools.reduce(joined, (segment.result.text for segment in self.segments), "")

    @property
    def words(self) -> list[Word]:
        """The words of the recording with their times."""
        return [word for segment in self.segments for word in segment.result.words]

    def joined(self) -> Transcription:
        """Return the text and the words of the whole recording, without an n-best list."""
        return Transcription(self.text, tuple(self.words))


class RecordingTranscriber:
    """A model that transcribes recordings of any length, which are read in blocks.

    Args:
        engine: The model.
        task: The mode, the settings and the language of all recordings.
        use_vad: Cut every recording at the pauses that silero-vad finds.

    Raises:
        InputError: The model cannot do the task, or silero-vad is needed but not installed.
    """

    def __init__(self, engine: Engine, task: Task, use_vad: bool = False) -> None:
        self._engine = engine
        self._task = task
        self._use_vad = use_vad
        self.transcriber = engine.transcriber(task)
        """The model that recognises the pieces."""
        if use_vad:
            self._detector()  # a missing package is reported before audio is read

    def run(self, blocks: Iterable[np.ndarray], rate_hz: int) -> TranscribedRecording:
        """Recognise a recording.

        Args:
            blocks: Its mono samples in [-1, 1], as (S,) arrays.
            rate_hz: Their sample rate.

        Raises:
            InputError: The audio cannot be read, or the recording is long, the model cannot stream,
                and silero-vad is not installed.
        """
        blocks = iter(blocks)
        beginning, num_samples, is_long = [], 0, self._use_vad
        while not is_long and (block := next(blocks, None)) is not None:
            beginning.append(block)
            num_samples += len(block)
            is_long = num_samples > WHOLE_SEC * rate_hz
        if is_long:
            return self._run_pieces(itertools.chain(beginning, blocks), rate_hz)
        samples = np.concatenate(beginning)
        (result,) = self.transcriber.run([self._engine.waveform(samples, rate_hz)])
        duration = num_samples / rate_hz
        return TranscribedRecording(duration, (Segment(0.0, duration, result),), is_whole=True)

    def _run_pieces(self, blocks: Iterable[np.ndarray], rate_hz: int) -> TranscribedRecording:
        """Recognise the pieces of a recording one after the other."""
        new_rate_hz, segments, durations = self._engine.sample_rate_hz, [], [0.0]

        def resampled() -> Iterator[np.ndarray]:
            resample = PacketResampler(rate_hz, new_rate_hz)
            for block in blocks:
                durations[0] += len(block) / rate_hz
                yield resample(block, False)
            yield resample(np.zeros(0, np.float32), True)

        for piece in cut_at_pauses(resampled(), new_rate_hz, self._detector(), PIECES):
            waveform = self._engine.waveform(piece.samples, new_rate_hz)
            (result,) = self.transcriber.run([waveform])
            end = piece.start_sec + len(piece.samples) / new_rate_hz
            segments.append(Segment(piece.start_sec, end, _shifted(result, piece.start_sec)))
        return TranscribedRecording(durations[0], tuple(segments), is_whole=False)

    def _detector(self) -> SpeechDetector:
        """Return a new detector of speech."""
        if not self._use_vad:
            try:
                return self._engine.speech_detector(self._task.language)
            except InputError as error:
                reason = str(error)
        try:
            return SileroDetector(self._engine.sample_rate_hz)
        except InputError as error:
            if self._use_vad:
                raise
            raise InputError(
                f"a recording of more than {WHOLE_SEC:g} s is cut at pauses, but {error} ({reason})"
            ) from None


def _shifted(result: Transcription, start_sec: float) -> Transcription:
    """Return a transcription whose words start later."""
    words = (
        replace(word, start=word.start + start_sec, end=word.end + start_sec)
        for word in result.words
    )
    return replace(result, words=tuple(words))
