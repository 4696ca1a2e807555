"""One model, chunk by chunk: the encoder of `AsrModel` with caches instead of the whole utterance.

With chunks of C encoder frames and L chunks of left context the outputs are those of
`AsrModel.encode(..., chunk_size=C, num_left_chunks=L)` over the whole utterance (U2++, arXiv
2106.05642; proved equal in float64 by the tests). Positions are relative within the window, so
nothing grows with the length of a stream but, where L = -1, the window itself. Those of `attention:
key_position` (WeNet's) are counted from a stream's beginning.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.encoders.encoder import State
from moeasr.models.outputs import EncoderOutput


class StreamState(NamedTuple):
    """What a model remembers of B streams between two chunks."""

    encoder: State
    embedding: State | None
    """Of SpeechMoE's embedding network."""
    made_by: "StreamingEncoder"
    """Whoever made it alone can go on with it."""

    def select(self, rows: Tensor | Sequence[int]) -> "StreamState":
        """Of these streams only, in this order: (B',) places."""
        embedding = None if self.embedding is None else self.embedding.select(rows)
        return StreamState(self.encoder.select(rows), embedding, self.made_by)


class StreamingEncoder:
    """An encoder that is given the features of B independent streams a few chunks at a time.

    Args:
        model: In eval mode.
        chunk_size: C, encoder frames that see each other, at least 1.
        num_left_chunks: L, chunks of the past a frame sees; -1 for all: then a stream's memory
            grows with it.

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
        """Feature frames from one chunk to the next: 4 C."""
        return self.model.subsampling_rate * self.chunk_size

    @property
    def window_frames(self) -> int:
        """Feature frames that one chunk is made of: 4 C + 3, the last ones seen again by the next.

        n chunks at once take (n - 1) `hop_frames` + `window_frames`.
        """
        return self.hop_frames - self.model.subsampling_rate + self.model.encoder.min_frames

    def start(self, num_streams: int = 1) -> StreamState:
        """The state of streams that begin."""
        embedding = self.model.embedding
        return StreamState(
            self.model.encoder.start(num_streams),
            None if embedding is None else embedding.encoder.start(num_streams),
            self,
        )

    def join(self, states: Sequence[StreamState]) -> StreamState:
        """One batch of all the streams of `states`, in this order."""
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
            feats: (B, W, F) raw log-mel features, each stream's window: it begins `hop_frames`
                times the chunks it has had.
            feats_lens: (B,). Windows of whole chunks, see `window_frames`; only the last one of a
                stream may be shorter (if by so much that there is nothing to encode, it gives no
                frames). 0 for a stream that rests.
            state: What the last step returned, or `start`.
            languages: (B,), see `AsrModel.encode`.

        Returns:
            The frames that are new, (B, T', D) with their numbers (B,), and the next state.

        Raises:
            InputError: The state is of another model, other chunks or another number of streams.
        """
        self._check(state)
        if feats.size(0) != state.encoder.num_streams:
            raise InputError(
                f"features of {feats.size(0)} streams, but caches of {state.encoder.num_streams}"
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
            raise InputError("these caches belong to another model, or to chunks of another size")
