"""A stream of audio that gives partial and final results, on any runtime.

This module does not import torch. A model takes part through the protocol `StreamingModel`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.endpoint import Endpointer
from moeasr.decode.live.first_pass import FirstPass

SETTLE_UNITS = 100  # units of a partial result from which on its text is computed in two parts


@dataclass(frozen=True)
class StreamResult:
    """The result of a stream at one point in time."""

    text: str
    """Text since `start_sec`."""
    stable_text: str
    """The beginning of `text` that the first pass will not change; all of it if final."""
    is_final: bool
    """True for the last result of an utterance; later results belong to the next utterance."""
    start_sec: float
    """Time in the stream at which the utterance begins, which is the last end point."""
    end_sec: float
    """Time in the stream at which the audio encoded so far ends."""
    nbest: Sequence[Hypothesis] = ()
    """Hypotheses of a final result, best first. Their frames count from `start_sec`."""


@dataclass(frozen=True)
class EncodedChunk:
    """The encoder output and the CTC outputs of a chunk with at least one frame.

    All three are tensors of torch or arrays of NumPy.
    """

    enc: Any
    """Encoder output (1, C, D)."""
    log_probs: Any
    """CTC log-probabilities (1, C, V)."""
    lens: Any
    """The number of frames C, as (1,) integers."""


class StreamEncoder(Protocol):
    """The features and the encoder of one stream."""

    def accept(self, samples: Any) -> Iterator[EncodedChunk]:
        """Add samples (S,) to the stream, and yield each chunk that is now complete."""
        ...

    def finish(self) -> Iterator[EncodedChunk]:
        """Yield the remaining chunks at the end of the stream."""
        ...

    def restart(self) -> None:
        """Clear the left context, as if the next frame were the first of the stream."""
        ...


class StreamingModel(Protocol):
    """A model that recognises streams. All of its streams have the same settings."""

    @property
    def frame_sec(self) -> float:
        """Length of an encoder frame in seconds."""
        ...

    @property
    def endpoint(self) -> EndpointConfig | None:
        """Rules that end an utterance; None if only the end of the stream ends it."""
        ...

    @property
    def needs_frames(self) -> bool:
        """True if a final result needs all chunks of its utterance again."""
        ...

    def open_encoder(self, language: int | None) -> StreamEncoder:
        """Start the encoder of a stream, with its language if the model routes by language."""
        ...

    def first_pass(self) -> FirstPass:
        """Start the search for the partial results of a new utterance."""
        ...

    def second_pass(
        self, nbest: list[Hypothesis], chunks: Sequence[EncodedChunk]
    ) -> list[Hypothesis]:
        """Return the final hypotheses of an utterance, given those of the first pass."""
        ...

    def text(self, units: Sequence[int]) -> str:
        """Return the text of some units."""
        ...


@dataclass
class _Utterance:
    """The state of a stream since the last end point."""

    first_pass: FirstPass
    first_frame: int
    settled_text: str = ""
    """Text of the first units, which is not computed again for every result."""
    num_settled: int = 0
    """Number of units in `settled_text`."""
    shown: str = ""
    """Text of the last partial result."""
    chunks: list[EncodedChunk] = field(default_factory=list)

    def settle(self, units: Sequence[int], to_text: Callable[[Sequence[int]], str]) -> None:
        """Store the text of the first half of `SETTLE_UNITS` stable units.

        This keeps the cost per result constant in a long stream without end points. Nothing is
        stored if the text of the whole differs from the joined texts of its two halves, both with
        and without a space between them.
        """
        num_head = SETTLE_UNITS // 2
        first, second = to_text(units[:num_head]), to_text(units[num_head:])
        for separator in ("", " "):
            if second and first + separator + second == to_text(units):
                self.settled_text += first + separator
                self.num_settled += num_head
                return


class RecognitionStream:
    """A stream, which accepts audio as it arrives and returns results.

    Args:
        owner: The model with its settings.
        language: Index in the model's languages.
    """

    def __init__(self, owner: StreamingModel, language: int | None = None) -> None:
        self._owner = owner
        self._encoder = owner.open_encoder(language)
        self._num_frames = 0  # encoded so far
        self._endpointer = (
            None if owner.endpoint is None else Endpointer(owner.endpoint, owner.frame_sec)
        )
        self._utterance = _Utterance(owner.first_pass(), 0)
        self._has_final = False

    def accept(self, samples: Any) -> list[StreamResult]:
        """Process any number of samples (S,) in [-1, 1] at the model's sample rate.

        Returns:
            The new results: a partial result for every chunk that changes the text, and a final
            result for every end point. The list is often empty.
        """
        return self._search(self._encoder.accept(samples))

    def finish(self) -> list[StreamResult]:
        """End the stream.

        Returns:
            The new results, as from `accept`. The last result is final if there was a partial
            result since the last end point. A stream has at least one final result, whose text may
            be empty.

        Raises:
            InputError: The stream has already ended.
        """
        results = self._search(self._encoder.finish())
        final = self._finalize()
        if final.text or self._utterance.shown or not self._has_final:
            results.append(final)
        return results

    def _search(self, chunks: Iterator[EncodedChunk]) -> list[StreamResult]:
        return [result for chunk in chunks for result in self._advance(chunk)]

    def _advance(self, chunk: EncodedChunk) -> list[StreamResult]:
        """Search one chunk."""
        utterance = self._utterance
        utterance.first_pass.advance(chunk.log_probs, chunk.lens)
        self._num_frames += chunk.log_probs.shape[1]
        if self._owner.needs_frames:
            utterance.chunks.append(chunk)
        results = self._partial()
        if self._endpointer is not None:
            self._endpointer.advance(chunk.log_probs[0])
            if self._endpointer.is_endpoint(has_speech=bool(utterance.shown)):
                final = self._finalize()
                if final.text or utterance.shown:
                    results.append(final)
                    self._has_final = True
                self._begin_utterance(self._endpointer)
        return results

    def _partial(self) -> list[StreamResult]:
        """Return a partial result if the text has changed."""
        utterance, to_text = self._utterance, self._owner.text
        units = utterance.first_pass.partial(utterance.num_settled)[0]
        text = utterance.settled_text + to_text(units.stable + units.undecided)
        if text == utterance.shown:
            return []
        utterance.shown = text
        stable_text = utterance.settled_text + to_text(units.stable)
        if len(units.stable) >= SETTLE_UNITS:
            utterance.settle(units.stable, to_text)
        return [self._result(text, stable_text, is_final=False)]

    def _finalize(self) -> StreamResult:
        """Run the second pass over the utterance."""
        utterance = self._utterance
        (nbest,) = utterance.first_pass.hypotheses(is_final=True)
        if utterance.chunks:
            nbest = self._owner.second_pass(nbest, utterance.chunks)
        text = self._owner.text(nbest[0].tokens if nbest else ())
        return self._result(text, text, is_final=True, nbest=nbest)

    def _result(
        self, text: str, stable_text: str, is_final: bool, nbest: Sequence[Hypothesis] = ()
    ) -> StreamResult:
        frame_sec = self._owner.frame_sec
        return StreamResult(
            text=text,
            stable_text=stable_text,
            is_final=is_final,
            start_sec=self._utterance.first_frame * frame_sec,
            end_sec=self._num_frames * frame_sec,
            nbest=nbest,
        )

    def _begin_utterance(self, endpointer: Endpointer) -> None:
        """Start the next utterance after an end point as if it were the first of the stream.

        The model was trained on single utterances. WeNet does the same.
        """
        self._utterance = _Utterance(self._owner.first_pass(), self._num_frames)
        self._encoder.restart()
        endpointer.restart()
