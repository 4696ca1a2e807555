"""A live stream, which takes samples of audio and returns partial and final results.

This module does not import torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from moeasr.api.transcription import (
    HypothesisReader,
    Transcription,
    alternatives_of,
    words_of,
)
from moeasr.audio.arrays import Samples, to_waveform
from moeasr.decode.live.recognition_stream import RecognitionStream, StreamResult
from moeasr.errors import InputError


@dataclass(frozen=True, repr=False)
class LiveTranscription(Transcription):
    """The text of the current utterance of a stream.

    Only a final result has `words` and `nbest`; in a partial result, both are empty. All times
    count from the start of the stream.
    """

    is_final: bool = False
    """True for the last result of an utterance; the next result belongs to the next utterance."""
    stable_text: str = ""
    """The beginning of `text` that further audio cannot change before the final result."""
    start: float = 0.0
    """Start of the utterance, seconds."""
    end: float = 0.0
    """End of the audio that was recognised so far, seconds."""

    def __repr__(self) -> str:
        """Return the text with its start and end in the stream, in one line."""
        kind = "final" if self.is_final else "partial"
        return f"<{kind} {self.start:.2f}-{self.end:.2f} s {self.text!r}>"


class LiveStream:
    """A live stream that `SpeechRecognizer.stream` has opened.

    Args:
        stream: A new stream of the model.
        resample: Function that returns the samples at the model's rate that (S,) further samples
            complete; its second argument is True at the end of the stream.
        model: The model, which reads the hypotheses.
    """

    def __init__(
        self,
        stream: RecognitionStream,
        resample: Callable[[np.ndarray, bool], Any],
        model: HypothesisReader,
    ) -> None:
        self._stream = stream
        self._resample = resample
        self._model = model
        self._is_over = False

    def push(self, samples: Samples) -> list[LiveTranscription]:
        """Recognise the next samples of the stream.

        Args:
            samples: Any number of further samples, (S,) or (S, C), of the types that
                `SpeechRecognizer.transcribe` takes.

        Returns:
            A partial result for every chunk that changes the text, and a final result for every end
            of an utterance; usually nothing.

        Raises:
            InputError: The stream has ended, or the samples are not audio.
        """
        return self.accept(to_waveform(samples, "the packet"))

    def accept(self, waveform: np.ndarray) -> list[LiveTranscription]:
        """Recognise the next (S,) samples like `push`; they must be float32 in [-1, 1].

        Raises:
            InputError: The stream has ended.
        """
        if self._is_over:
            raise InputError(
                "this stream has ended and takes no more audio; open another one with `stream()`"
            )
        return self._accept(waveform, is_last=False)

    def finish(self) -> list[LiveTranscription]:
        """End the stream.

        Returns:
            The results as from `push`, of which the last one is final. There may be none if nothing
            was said since the last final result.

        Raises:
            InputError: The stream has ended already.
        """
        if self._is_over:
            raise InputError("this stream has ended already")
        self._is_over = True
        rest = self._accept(np.zeros(0, np.float32), is_last=True)
        return rest + [self._result(result) for result in self._stream.finish()]

    def _accept(self, waveform: np.ndarray, is_last: bool) -> list[LiveTranscription]:
        resampled = self._resample(waveform, is_last)
        return [self._result(result) for result in self._stream.accept(resampled)]

    def _result(self, result: StreamResult) -> LiveTranscription:
        best = result.nbest[0] if result.nbest else None
        return LiveTranscription(
            text=result.text,
            words=() if best is None else words_of(best, self._model, result.start_sec),
            nbest=alternatives_of(result.nbest, self._model),
            is_final=result.is_final,
            stable_text=result.stable_text,
            start=result.start_sec,
            end=result.end_sec,
        )
