"""Two-pass recognition of a stream (U2, arXiv 2012.05481, section 3).

The first pass, CTC, processes the encoder output as it arrives and gives partial results. At an end
point the second pass, if the mode has one, rescores the hypotheses since the last end point. For a
stream without end points, the final result equals that of the same mode offline on the whole
utterance with the same chunk size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.protocol import Fusion
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.endpoint import Endpointer
from moeasr.decode.live.first_pass import FirstPass
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.required_heads import trained_heads
from moeasr.decode.searches import (
    Search,
    SearchInput,
    check_settings,
    find_searches,
    live_prefix_beam,
)
from moeasr.errors import InputError
from moeasr.features.online_fbank import OnlineFbank
from moeasr.models.streaming_encoder import StreamingEncoder

SETTLE_UNITS = 100  # a longer partial result is converted to text in two parts


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
    num_frames: int = 0
    enc: list[Tensor] = field(default_factory=list)
    log_probs: list[Tensor] = field(default_factory=list)

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


class StreamingRecognizer:
    """The model and settings that several streams share.

    Args:
        recognizer: The model.
        mode: Name of one of `SEARCHES`, or the import path of another search.
        config: Settings; `chunk_size` must be at least 1.
        endpoint: Rules that end an utterance; None if only the end of the stream ends it.

    Raises:
        InputError: The model does not support streaming or this mode.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        mode: str,
        config: DecodeConfig,
        endpoint: EndpointConfig | None = None,
    ) -> None:
        self.recognizer = recognizer
        self.mode = mode
        self.search: Search = find_searches([mode], recognizer.model)[mode]
        if "ctc" not in trained_heads(recognizer.model):
            raise InputError(
                "this model cannot be streamed: partial results come from CTC, which it was "
                "trained without (`ctc_weight: 0`)"
            )
        check_settings([mode], config, given=[])
        self.config = config.resolve(recognizer.model)
        self.endpoint = endpoint
        self.fusion: Fusion | None = recognizer.load_fusion(config)
        """Language model and boosted phrases, for both passes."""
        self.encoder = StreamingEncoder(recognizer.model, config.chunk_size, config.num_left_chunks)

    @property
    def frame_sec(self) -> float:
        """Length of an encoder frame in seconds."""
        return self.recognizer.frame_sec

    def open(self, language: int | None = None) -> "RecognitionStream":
        """Open a stream, with its language if the model routes by language."""
        return RecognitionStream(self, language)

    def first_pass(self) -> FirstPass:
        """Start the search for the partial results of a new utterance."""
        start = self.search.live or live_prefix_beam
        return start(self.config, self.fusion, self.recognizer.device)

    @property
    def needs_frames(self) -> bool:
        """True if a final result needs all frames of its utterance again."""
        return self.search.live is None


class RecognitionStream:
    """A stream, which accepts audio as it arrives and returns results.

    Args:
        owner: The recognizer with model and settings.
        language: Index in the model's languages.
    """

    def __init__(self, owner: StreamingRecognizer, language: int | None) -> None:
        self._owner = owner
        self._device = owner.recognizer.device
        self._languages = (
            None if language is None else torch.tensor([language], device=self._device)
        )
        self._fbank = OnlineFbank(owner.recognizer.fbank)
        self._feats = torch.zeros(0, owner.recognizer.fbank.num_mel_bins)  # not encoded yet
        self._state = owner.encoder.start()
        self._num_frames = 0  # encoded so far
        self._endpointer = (
            None if owner.endpoint is None else Endpointer(owner.endpoint, owner.frame_sec)
        )
        self._utterance = _Utterance(owner.first_pass(), 0)
        self._has_final = False

    def accept(self, samples: Tensor) -> list[StreamResult]:
        """Process any number of samples (S,) in [-1, 1] at the model's sample rate.

        Returns:
            The new results: a partial result for every chunk that changes the text, and a final
            result for every end point. The list is often empty.
        """
        return self._take(self._fbank.accept(samples))

    def finish(self) -> list[StreamResult]:
        """End the stream.

        Returns:
            The new results, as from `accept`. The last result is final if there was a partial
            result since the last end point. A stream has at least one final result, whose text may
            be empty.

        Raises:
            InputError: The stream has already ended.
        """
        results = self._take(self._fbank.finish())
        if self._feats.size(0) > 0:  # less than a chunk
            results += self._advance(self._feats)
            self._feats = self._feats[:0]
        final = self._finalize()
        if final.text or self._utterance.shown or not self._has_final:
            results.append(final)
        return results

    def _take(self, feats: Tensor) -> list[StreamResult]:
        """Encode and search all chunks that are complete with these features."""
        encoder, results = self._owner.encoder, []
        self._feats = torch.cat([self._feats, feats])
        while self._feats.size(0) >= encoder.window_frames:
            results += self._advance(self._feats[: encoder.window_frames])
            self._feats = self._feats[encoder.hop_frames :]
        return results

    @torch.inference_mode()
    def _advance(self, feats: Tensor) -> list[StreamResult]:
        """Encode and search one chunk of features (W, F)."""
        owner, utterance = self._owner, self._utterance
        window = feats[None].to(self._device, owner.recognizer.dtype)
        lens = torch.tensor([feats.size(0)], device=self._device)
        output, self._state = owner.encoder.step(window, lens, self._state, self._languages)
        num_new = int(output.enc_lens)
        if num_new == 0:
            return []
        enc = output.enc[:, :num_new]
        log_probs = owner.recognizer.model.ctc_log_probs(enc)
        utterance.first_pass.advance(log_probs, output.enc_lens)
        utterance.num_frames += num_new
        self._num_frames += num_new
        if owner.needs_frames:
            utterance.enc.append(enc)
            utterance.log_probs.append(log_probs)
        results = self._partial()
        if self._endpointer is not None:
            self._endpointer.advance(log_probs[0])
            if self._endpointer.is_endpoint(has_speech=bool(utterance.shown)):
                final = self._finalize()
                if final.text or utterance.shown:
                    results.append(final)
                    self._has_final = True
                self._begin_utterance()
        return results

    def _partial(self) -> list[StreamResult]:
        """Return a partial result if the text has changed."""
        utterance, to_text = self._utterance, self._owner.recognizer.tokenizer.decode
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
        owner, utterance = self._owner, self._utterance
        nbest = utterance.first_pass.hypotheses(is_final=True)
        if owner.needs_frames and utterance.num_frames:
            inputs = SearchInput(
                model=owner.recognizer.model,
                enc=torch.cat(utterance.enc, dim=1),
                enc_lens=torch.tensor([utterance.num_frames], device=self._device),
                log_probs=torch.cat(utterance.log_probs, dim=1),
                fusion=owner.fusion,
            )
            if owner.search.second_pass is not None:
                nbest = owner.search.second_pass(nbest, inputs, owner.config)
            else:
                nbest = owner.search.run(inputs, owner.config)
        best = nbest[0][0].tokens if nbest[0] else ()
        text = owner.recognizer.tokenizer.decode(best)
        return self._result(text, text, is_final=True, nbest=nbest[0])

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

    def _begin_utterance(self) -> None:
        """Start the next utterance after an end point as if it were the first of the stream.

        The model was trained on single utterances. WeNet does the same.
        """
        owner = self._owner
        self._utterance = _Utterance(owner.first_pass(), self._num_frames)
        self._state = owner.encoder.start()
        self._endpointer.restart()
