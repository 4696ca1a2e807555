"""The interface of encoders, which models and streams use."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from moeasr.config_roles import PROCEDURE
from moeasr.errors import not_defined
from moeasr.models.outputs import EncoderOutput
from moeasr.moe.router import Router
from moeasr.nn.feed_forward import FeedForwardConfig
from moeasr.ranges import check_size


class State(Protocol):
    """The state of an encoder for B streams between two chunks."""

    @property
    def num_streams(self) -> int:
        """Number B of streams."""
        ...

    def select(self, rows: Any) -> "State":
        """Return the state of the given streams (B',), in this order."""
        ...

    @classmethod
    def join(cls, states: Any) -> "State":
        """Join the streams of several states, in this order."""
        ...


class Encoder(nn.Module):
    """The base class of encoders, which map features to encoder frames at once or in chunks.

    To add an encoder, write a subclass. Its output for a frame must not depend on the other
    utterances in a batch or on padding.
    """

    d_model: int
    """Width D of the output."""
    subsampling_rate: int
    """Number of feature frames from one encoder frame to the next."""
    min_frames: int
    """Number of feature frames from which one encoder frame is computed."""
    sees_future: bool
    """True if a frame depends on frames after its chunk. Such an encoder cannot run in chunks."""

    @property
    def future_reason(self) -> str:
        """The reason why a frame depends on frames after its chunk, if `sees_future` is set."""
        for path, module in self.named_modules():
            if isinstance(module, Router) and module.sees_future:
                return (
                    f"encoder.{path} ({type(module).__name__}) reads later frames of an utterance"
                )
        return "it was trained with `causal_conv: false`, so its convolutions see future frames"

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
            feats: Normalised features, (B, T, F).
            feats_lens: Number of feature frames of each utterance, (B,).
            chunk_size: Number of encoder frames per chunk; -1 for full context.
            num_left_chunks: Number of past chunks that a frame sees; -1 for all.
            context: Router context (B, T' or 1, C), or None.

        Returns:
            The encoder output, in which routings are named by the paths of their layers in this
            module.
        """
        raise not_defined(type(self), "forward")

    def start(self, num_streams: int) -> State:
        """Return the state of streams before their first frame."""
        raise not_defined(type(self), "start")

    def extend(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        chunk_size: int,
        num_left_chunks: int,
        context: Tensor | None,
        state: Any,
    ) -> tuple[EncoderOutput, State]:
        """Encode the next frames of streams, with the same output as `forward` for these frames.

        Args:
            feats: Normalised features (B, T, F), beginning with the first feature frame on which
                the first new encoder frame depends.
            feats_lens: Number of feature frames of each stream, (B,). They must form whole chunks,
                except at the end of a stream. 0 for a stream without new frames.
            chunk_size: Number of encoder frames per chunk, at least 1.
            num_left_chunks: Number of past chunks that a frame sees; -1 for all.
            context: Router context (B, T' or 1, C), or None.
            state: The state from the last call, or from `start` in the first call.
        """
        raise not_defined(type(self), "extend")

    def output_len(self, num_frames: int) -> int:
        """Return the number of encoder frames of an utterance; 0 if it is too short."""
        raise not_defined(type(self), "output_len")


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """An `encoder:` section. The subclass for each `type` builds the encoder."""

    type: str
    """A name in `moeasr.models.encoders.encoders.ENCODERS`, or the import path of a subclass of
    this class."""
    d_model: int = 256
    """Width D of the encoder."""
    dynamic_chunk: bool = field(default=True, metadata=PROCEDURE)
    """True to train each batch with a random chunk size, so that one model can decode with and
    without streaming (U2++)."""
    max_chunk_size: int = field(default=25, metadata=PROCEDURE)
    """Largest random chunk size in frames after subsampling; 25 frames are 1 s."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        check_size("max_chunk_size", self.max_chunk_size)
        check_size("d_model", self.d_model)

    @property
    def sees_future(self) -> bool:
        """True if a frame depends on frames after its chunk."""
        return False

    @property
    def feed_forwards(self) -> dict[str, FeedForwardConfig]:
        """Feed-forward sections by key."""
        return {}

    def build(self, num_mel_bins: int, context_size: int) -> Encoder:
        """Build the encoder.

        Args:
            num_mel_bins: Number F of mel bins.
            context_size: Width C of the router context; 0 without one.

        Raises:
            InputError: The settings are incompatible.
        """
        raise not_defined(type(self), "build")
