"""A live stream, which takes samples of audio and returns partial and final results."""

from dataclasses import dataclass

import torch
from torch import Tensor

from moeasr.api.transcription import Transcription, alternatives_of, words_of
from moeasr.audio.arrays import Samples, check_sample_rate, to_waveform
from moeasr.audio.stream_resampling import make_stream_resampler
from moeasr.decode.live.streaming_recognizer import (
    RecognitionStream,
    StreamingRecognizer,
    StreamResult,
)
from moeasr.errors import InputError


@dataclass(frozen=True, repr=False)
class LiveTranscription(Transcription):
    """The text of the current utterance of a stream.

    `words` and `nbest` are those of final results; a partial result has none. All times count from
    the start of the stream.
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
        streaming: The model and its settings.
        language: The language's index among those of the model; None if it does not route by them.
        sample_rate_hz: Rate of the samples that are pushed.
    """

    def __init__(
        self, streaming: StreamingRecognizer, language: int | None, sample_rate_hz: int
    ) -> None:
        self._recognizer = streaming.recognizer
        self._stream: RecognitionStream = streaming.open(language)
        self._is_over = False
        rate_hz = check_sample_rate(sample_rate_hz)
        self._resampler = make_stream_resampler(rate_hz, self._recognizer.fbank.sample_rate_hz)

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
        if self._is_over:
            raise InputError(
                "this stream has ended and takes no more audio; open another one with `stream()`"
            )
        return self._accept(to_waveform(samples, "the packet"), is_last=False)

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
        rest = self._accept(torch.zeros(0), is_last=True)
        return rest + [self._result(result) for result in self._stream.finish()]

    def _accept(self, waveform: Tensor, is_last: bool) -> list[LiveTranscription]:
        resampled = self._resampler.resample(waveform, is_last)
        return [self._result(result) for result in self._stream.accept(resampled)]

    def _result(self, result: StreamResult) -> LiveTranscription:
        best = result.nbest[0] if result.nbest else None
        return LiveTranscription(
            text=result.text,
            words=() if best is None else words_of(best, self._recognizer, result.start_sec),
            nbest=alternatives_of(result.nbest, self._recognizer),
            is_final=result.is_final,
            stable_text=result.stable_text,
            start=result.start_sec,
            end=result.end_sec,
        )
