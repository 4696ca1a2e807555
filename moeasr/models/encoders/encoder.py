"""The encoder seam: what a model and a stream ask of an encoder."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from moeasr.config_roles import PROCEDURE
from moeasr.models.outputs import EncoderOutput
from moeasr.nn.feed_forward import FeedForwardConfig
from moeasr.ranges import check_size


class State(Protocol):
    """What an encoder remembers of B streams between two chunks."""

    @property
    def num_streams(self) -> int:
        """B."""
        ...

    def select(self, rows: Any) -> "State":
        """Of these streams only, in this order: (B',) places."""
        ...

    @classmethod
    def join(cls, states: Any) -> "State":
        """Of all streams of several, in this order."""
        ...


class Encoder(nn.Module):
    """A network from features to encoder frames, whole or chunk by chunk.

    An encoder of one's own is a subclass. What it gives at a frame must not depend on the other
    utterances of a batch, nor on padding.
    """

    d_model: int
    """D: width of what comes out."""
    subsampling_rate: int
    """Feature frames from one encoder frame to the next."""
    min_frames: int
    """Feature frames that one encoder frame is made of."""
    sees_future: bool
    """Whether a frame depends on frames after its chunk; such an encoder cannot run in chunks."""

    def forward(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        chunk_size: int = -1,
        num_left_chunks: int = -1,
        context: Tensor | None = None,
    ) -> EncoderOutput:
        """Encode a batch.

        Args:
            feats: (B, T, F) normalised features.
            feats_lens: (B,).
            chunk_size: Frames (after subsampling) that see each other; -1 for full context.
            num_left_chunks: Chunks of the past a frame sees; -1 for all.
            context: (B, T' or 1, C) further router input, or None.

        Returns:
            Its routings are named by the paths of their layers in this module.
        """
        raise NotImplementedError

    def start(self, num_streams: int) -> State:
        """The state of streams that begin."""
        raise NotImplementedError

    def extend(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        chunk_size: int,
        num_left_chunks: int,
        context: Tensor | None,
        state: Any,
    ) -> tuple[EncoderOutput, State]:
        """Encode the next frames of streams: what `forward` gives at these frames, and no less.

        Args:
            feats: (B, T, F) normalised features, from the one on that the first new encoder frame
                sees first.
            feats_lens: (B,). All but a stream's last ones make whole chunks; 0 for a stream that
                rests.
            chunk_size: As in `forward`, at least 1.
            num_left_chunks: As in `forward`.
            context: (B, T' or 1, C), see `forward`.
            state: What the last call returned, or `start` for the first.
        """
        raise NotImplementedError

    def output_len(self, num_frames: int) -> int:
        """Encoder frames for an utterance of `num_frames`; 0 if it is too short."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """An `encoder:` section; what builds an encoder is a subclass for each `type`."""

    type: str
    """Which: a name of `moeasr.models.encoders.encoders.ENCODERS`, or the import path of a
    subclass of one's own."""
    d_model: int = 256
    """D: width of the encoder."""
    dynamic_chunk: bool = field(default=True, metadata=PROCEDURE)
    """Train each batch at a random chunk size, so that one model streams and does not (U2++)."""
    max_chunk_size: int = field(default=25, metadata=PROCEDURE)
    """Largest random chunk in frames after subsampling; 25 = 1 s."""

    def __post_init__(self) -> None:
        """Check ranges."""
        check_size("max_chunk_size", self.max_chunk_size)
        check_size("d_model", self.d_model)

    @property
    def sees_future(self) -> bool:
        """See `Encoder`."""
        return False

    @property
    def feed_forwards(self) -> dict[str, FeedForwardConfig]:
        """The sections of its feed-forwards, by key."""
        return {}

    def build(self, num_mel_bins: int, context_size: int) -> Encoder:
        """Build the encoder.

        Args:
            num_mel_bins: F.
            context_size: C: width of the context that routers may read; 0 without one.

        Raises:
            InputError: The settings do not go together.
        """
        raise NotImplementedError
