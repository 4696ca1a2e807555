"""Streaming: the encoder of an `AsrModel`, run chunk by chunk with caches.

With chunks of C encoder frames and L left chunks, the outputs equal those of
`AsrModel.encode(..., chunk_size=C, num_left_chunks=L)` for the whole utterance (U2++, arXiv
2106.05642; the tests show equality in float64). Relative positions depend only on the window of
cached frames, so the cost does not grow with the length of a stream unless L = -1. The positions of
`attention: key_position`, as in WeNet, are counted from the beginning of the stream.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.encoders.encoder import State
from moeasr.models.outputs import EncoderOutput
from moeasr.plurals import counted


class StreamState(NamedTuple):
    """The state of a model for B streams between two chunks."""

    encoder: State
    """State of the encoder."""
    embedding: State | None
    """State of SpeechMoE's embedding network, or None."""
    made_by: "StreamingEncoder"
    """The encoder that created this state. Only this encoder may continue it."""

    def select(self, rows: Tensor | Sequence[int]) -> "StreamState":
        """Return the state of the given streams (B',), in this order."""
        embedding = None if self.embedding is None else self.embedding.select(rows)
        return StreamState(self.encoder.select(rows), embedding, self.made_by)


class StreamingEncoder:
    """An encoder that processes B independent streams a few chunks at a time.

    Args:
        model: A model in eval mode.
        chunk_size: Number C of encoder frames per chunk, at least 1.
        num_left_chunks: Number L of past chunks that a frame sees; -1 for all, with caches that
            grow with the stream.

    Raises:
        InputError: The model cannot stream, or a size is out of range.
    """

    def __init__(self, model: AsrModel, chunk_size: int, num_left_chunks: int = -1) -> None:
        if chunk_size < 1:
            raise InputError(f"`chunk_size` must be at least 1 to stream, but is {chunk_size}")
        if num_left_chunks < -1:
            raise InputError(f"`num_left_chunks` must be -1 or more, but is {num_left_chunks}")
        model.check_chunks()
        self.model = model
        self.chunk_size = chunk_size
        self.num_left_chunks = num_left_chunks

    @property
    def hop_frames(self) -> int:
        """Number of feature frames from the start of one chunk to the start of the next.

        It is the subsampling rate times the chunk size.
        """
        return self.model.subsampling_rate * self.chunk_size

    @property
    def window_frames(self) -> int:
        """Number of feature frames from which one chunk is computed.

        The windows of successive chunks overlap. n chunks at once need (n - 1) * `hop_frames` +
        `window_frames` feature frames.
        """
        return self.hop_frames - self.model.subsampling_rate + self.model.encoder.min_frames

    def start(self, num_streams: int = 1) -> StreamState:
        """Return the state of streams before their first frame."""
        embedding = self.model.embedding
        return StreamState(
            self.model.encoder.start(num_streams),
            None if embedding is None else embedding.encoder.start(num_streams),
            self,
        )

    def join(self, states: Sequence[StreamState]) -> StreamState:
        """Join the streams of several states into one batch, in this order."""
        for state in states:
            self._check(state)
        embeddings = [state.embedding for state in states if state.embedding is not None]
        return StreamState(
            states[0].encoder.join([state.encoder for state in states]),
            embeddings[0].join(embeddings) if embeddings else None,
            self,
        )

    @torch.inference_mode()
    def step(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        state: StreamState,
        languages: Tensor | None = None,
    ) -> tuple[EncoderOutput, StreamState]:
        """Encode the next chunks of each stream.

        Args:
            feats: Raw log-mel features (B, W, F), the window of each stream. The window begins at
                `hop_frames` times the number of chunks already encoded.
            feats_lens: Number of feature frames of each stream, (B,). They must form whole chunks,
                see `window_frames`. Only the last window of a stream may be shorter, and gives no
                frames if it is too short. 0 for a stream without new frames.
            state: The state from the last step, or from `start` in the first step.
            languages: Languages (B,), see `AsrModel.encode`.

        Returns:
            The new encoder frames (B, T', D) with their numbers (B,), and the next state.

        Raises:
            InputError: The state belongs to another streaming encoder or another number of streams.
        """
        self._check(state)
        if feats.size(0) != state.encoder.num_streams:
            raise InputError(
                f"the features belong to {counted(feats.size(0), 'stream')}, but the state to "
                f"{state.encoder.num_streams}"
            )
        model, sizes = self.model, (self.chunk_size, self.num_left_chunks)
        feats = model.cmvn(feats)
        context = model.language_context(languages, feats)
        embedding = state.embedding
        if model.embedding is not None:
            embedded, embedding = model.embedding.encoder.extend(
                feats, feats_lens, *sizes, None, embedding
            )
            context = embedded.enc
        output, encoder = model.encoder.extend(feats, feats_lens, *sizes, context, state.encoder)
        return output, StreamState(encoder, embedding, self)

    def _check(self, state: StreamState) -> None:
        if state.made_by is not self:
            raise InputError("this state belongs to another model or to another chunk size")
