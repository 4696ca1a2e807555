"""The interface of heads, which compute a loss from the encoder output."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

from moeasr.config_roles import OBJECTIVE
from moeasr.errors import not_defined
from moeasr.labels import NO_LABELS, Labels
from moeasr.nn.feed_forward import FeedForwardConfig
from moeasr.nn.routing import Routing
from moeasr.ranges import check_weight

if TYPE_CHECKING:
    from moeasr.models.encoders.encoder import EncoderConfig
    from moeasr.models.outputs import EncoderOutput


class HeadLoss(NamedTuple):
    """The loss of one head for a micro-batch, as sums over utterances."""

    loss: Tensor
    """The loss, a scalar."""
    stats: dict[str, Tensor]
    """Scalars for the log, by name."""
    routings: dict[str, Routing]
    """Routings of the MoE layers, by their paths in the head."""


class Head(nn.Module):
    """The base class of heads, networks on the encoder output that have their own loss.

    The model's loss is the weighted sum of the losses of its heads. Every search states which heads
    it needs. To add a head, write a subclass.
    """

    children_are_named_alone: bool = False
    """True if the weights of the head's children are named as if they were children of the model,
    without the name of the head as a prefix."""

    def start_step(self, step: int) -> None:
        """Set what varies between training steps, from 1 on; does nothing by default."""

    def taught_labels(self, labels: Tensor) -> Tensor | None:
        """Return weights of labels by which routers are taught in the current training step.

        Args:
            labels: Label of each utterance, (B,); -1 if unknown.

        Returns:
            The router context (B, L) of the encoder, or None, the default, if the head teaches no
            router.
        """
        return None

    def loss(self, enc: Tensor, enc_lens: Tensor, tokens: Tensor, tokens_lens: Tensor) -> HeadLoss:
        """Compute the training loss of encoded utterances.

        Args:
            enc: Encoder output, (B, T', D).
            enc_lens: Number of encoder frames of each utterance, (B,).
            tokens: Tokens (B, U), padded with 0.
            tokens_lens: Number of tokens of each utterance, (B,).
        """
        raise not_defined(type(self), "loss")

    def loss_of(self, encoded: "EncoderOutput", tokens: Tensor, tokens_lens: Tensor) -> HeadLoss:
        """Compute the training loss from all outputs of the encoder.

        Most heads use only the encoder frames, by `loss`.

        Args:
            encoded: Encoder output of B utterances.
            tokens: Tokens (B, U), padded with 0.
            tokens_lens: Number of tokens of each utterance, (B,).
        """
        return self.loss(encoded.enc, encoded.enc_lens, tokens, tokens_lens)


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """A section of `heads:`. The subclass for each `type` builds the head."""

    type: str
    """A name in `moeasr.models.heads.heads.HEADS`, or the import path of a subclass of this
    class."""
    weight: float = field(metadata=OBJECTIVE)
    """Weight of the head's loss. A head of weight 0 is not trained, and no search uses it."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        check_weight("weight", self.weight)

    @property
    def feed_forwards(self) -> dict[str, FeedForwardConfig]:
        """Feed-forward sections by key."""
        return {}

    @property
    def label_set(self) -> Labels:
        """The labels of utterances that training needs; without names by default."""
        return NO_LABELS

    @property
    def serves_experts(self) -> bool:
        """True if a model without experts, or with other ones, has no use for the head."""
        return False

    def check_encoder(self, encoder: "EncoderConfig") -> None:
        """Raise `InputError` if the head cannot be used with an encoder."""

    def build(self, d_model: int, vocab_size: int) -> Head:
        """Build the head.

        Args:
            d_model: Width D of the encoder output.
            vocab_size: Vocabulary size V.

        Raises:
            InputError: The settings are incompatible.
        """
        raise not_defined(type(self), "build")
