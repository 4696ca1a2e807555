"""Two-pass recognition of a stream (U2, arXiv 2012.05481, section 3).

The first pass, CTC, processes the encoder output as it arrives and gives partial results. At an end
point the second pass, if the mode has one, rescores the hypotheses since the last end point. For a
stream without end points, the final result equals that of the same mode offline on the whole
utterance with the same chunk size.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.protocol import Fusion
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.first_pass import FirstPass
from moeasr.decode.live.recognition_stream import EncodedChunk, RecognitionStream
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


class StreamingRecognizer:
    """A model that recognises streams. All of its streams have the same settings.

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

    @property
    def needs_frames(self) -> bool:
        """True if a final result needs all chunks of its utterance again."""
        return self.search.live is None

    def open(self, language: int | None = None) -> RecognitionStream:
        """Open a stream, with its language if the model routes by language."""
        return RecognitionStream(self, language)

    def open_encoder(self, language: int | None) -> "_ChunkEncoder":
        """Start the encoder of a stream, with its language if the model routes by language."""
        return _ChunkEncoder(self.recognizer, self.encoder, language)

    def first_pass(self) -> FirstPass:
        """Start the search for the partial results of a new utterance."""
        start = self.search.live or live_prefix_beam
        return start(self.config, self.fusion, self.recognizer.device)

    def second_pass(
        self, nbest: list[Hypothesis], chunks: Sequence[EncodedChunk]
    ) -> list[Hypothesis]:
        """Return the final hypotheses of an utterance, given those of the first pass."""
        enc = torch.cat([chunk.enc for chunk in chunks], dim=1)
        inputs = SearchInput(
            model=self.recognizer.model,
            enc=enc,
            enc_lens=torch.tensor([enc.size(1)], device=enc.device),
            log_probs=torch.cat([chunk.log_probs for chunk in chunks], dim=1),
            fusion=self.fusion,
        )
        if self.search.second_pass is not None:
            return self.search.second_pass([nbest], inputs, self.config)[0]
        return self.search.run(inputs, self.config)[0]

    def text(self, units: Sequence[int]) -> str:
        """Return the text of some units."""
        return self.recognizer.tokenizer.decode(units)


class _ChunkEncoder:
    """The features and the encoder state of one stream, see `StreamEncoder`.

    Args:
        recognizer: The model.
        encoder: The encoder of the model, for chunks.
        language: Index in the model's languages.
    """

    def __init__(
        self, recognizer: Recognizer, encoder: StreamingEncoder, language: int | None
    ) -> None:
        self._recognizer = recognizer
        self._encoder = encoder
        device = recognizer.device
        self._languages = None if language is None else torch.tensor([language], device=device)
        self._fbank = OnlineFbank(recognizer.fbank)
        self._feats = torch.zeros(0, recognizer.fbank.num_mel_bins)  # not encoded yet
        self.restart()

    def restart(self) -> None:
        """Clear the left context, as if the next frame were the first of the stream."""
        self._state = self._encoder.start()

    def accept(self, samples: Tensor) -> Iterator[EncodedChunk]:
        """Add samples (S,) to the stream, and yield each chunk that is now complete."""
        yield from self._complete(self._fbank.accept(samples))

    def finish(self) -> Iterator[EncodedChunk]:
        """Yield the remaining chunks at the end of the stream."""
        yield from self._complete(self._fbank.finish())
        if self._feats.size(0) > 0:  # less than a chunk
            yield from self._encode(self._feats)

    def _complete(self, feats: Tensor) -> Iterator[EncodedChunk]:
        """Add features (T, F) to the stream, and encode each chunk that is now complete."""
        self._feats = torch.cat([self._feats, feats])
        while self._feats.size(0) >= self._encoder.window_frames:
            yield from self._encode(self._feats[: self._encoder.window_frames])
            self._feats = self._feats[self._encoder.hop_frames :]

    @torch.inference_mode()
    def _encode(self, feats: Tensor) -> list[EncodedChunk]:
        """Encode one window of features (W, F); a window that is too short gives no chunk."""
        recognizer = self._recognizer
        window = feats[None].to(recognizer.device, recognizer.dtype)
        lens = torch.tensor([feats.size(0)], device=recognizer.device)
        output, self._state = self._encoder.step(window, lens, self._state, self._languages)
        num_new = int(output.enc_lens)
        if num_new == 0:
            return []
        enc = output.enc[:, :num_new]
        return [EncodedChunk(enc, recognizer.model.ctc_log_probs(enc), output.enc_lens)]
