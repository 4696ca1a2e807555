"""The head seam: what a model asks of a part that reads the encoder's output and has a loss."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn

from moeasr.config_roles import OBJECTIVE
from moeasr.nn.feed_forward import FeedForwardConfig
from moeasr.nn.routing import Routing
from moeasr.ranges import check_weight


class HeadLoss(NamedTuple):
    """The loss of one head on a micro-batch, as sums over utterances."""

    loss: Tensor
    """Scalar."""
    stats: dict[str, Tensor]
    """Scalars for the log."""
    routings: dict[str, Routing]
    """Of its MoE layers, by their paths in the head."""


class Head(nn.Module):
    """A part of a model that is trained by a loss of its own.

    The model's loss is the weighted sum of its heads' losses. A search says which heads it needs.
    A head of one's own is a subclass.
    """

    children_are_named_alone: bool = False
    """Whether the model's weights name the head's children as if they were the model's own, without
    the name of the head before them."""

    def loss(self, enc: Tensor, enc_lens: Tensor, tokens: Tensor, tokens_lens: Tensor) -> HeadLoss:
        """The training loss of encoded utterances.

        Args:
            enc: (B, T', D).
            enc_lens: (B,).
            tokens: (B, U), 0 behind an utterance's length.
            tokens_lens: (B,).
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """A section of `heads:`; what builds a head is a subclass for each `type`."""

    type: str
    """Which: a name of `moeasr.models.heads.heads.HEADS`, or the import path of a subclass of one's
    own."""
    weight: float = field(metadata=OBJECTIVE)
    """Of its loss in the model's; a head of weight 0 is not trained, and no search uses it."""

    def __post_init__(self) -> None:
        """Check ranges."""
        check_weight("weight", self.weight)

    @property
    def feed_forwards(self) -> dict[str, FeedForwardConfig]:
        """The sections of its feed-forwards, by key."""
        return {}

    def build(self, d_model: int, vocab_size: int) -> Head:
        """Build the head.

        Args:
            d_model: D: width of the encoder's output.
            vocab_size: V.

        Raises:
            InputError: The settings do not go together.
        """
        raise NotImplementedError
