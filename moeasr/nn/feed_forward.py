"""The feed-forward interface and the dense feed-forward; `moeasr.moe.layer` has the MoE one."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal, Protocol

import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.config import OneOf
from moeasr.errors import not_defined
from moeasr.nn.dropout import Dropout
from moeasr.nn.routing import Routing
from moeasr.nn.valid_frames import ValidFrames
from moeasr.ranges import check_size

CONTEXTS = ("embedding", "language", "learned_group")
"""Kinds of router context, an additional input of routers for each frame: the output of an
embedding network, the language of the utterance, or the group that a head chose for the frame."""


class FeedForward(Protocol):
    """The interface of feed-forwards, with or without experts, for blocks and decoders."""

    def __call__(
        self, x: Tensor, valid: ValidFrames, context: Tensor | None = None
    ) -> tuple[Tensor, Routing | None]:
        """Transform each frame, independently of the others unless `sees_future` is set.

        Args:
            x: Frames, (B, T, D).
            valid: The frames that are not padding. Outputs of padding frames are undefined but
                finite.
            context: Router context (B, T, C), such as the output of an embedding network.

        Returns:
            The outputs (B, T, D), and the routing if the feed-forward has experts.
        """
        ...


@dataclass
class Stack:
    """The settings and parts that the feed-forwards of one encoder or decoder share."""

    d_model: int
    """Model width D."""
    dropout: float
    """Dropout rate inside feed-forwards."""
    context_size: int = 0
    """Width C of the router context; 0 without one."""
    shared: dict[Any, nn.Module] = field(default_factory=dict)
    """Modules that serve all layers, by the class that created them."""


@dataclass(frozen=True, kw_only=True)
class FeedForwardConfig:
    """A `feed_forward:` section. The subclass for each `type` builds the feed-forward."""

    type: str
    """A name in `moeasr.models.feed_forwards.FEED_FORWARDS`, or the import path of a subclass of
    this class."""

    @property
    def learns_routing(self) -> bool:
        """True if the feed-forward has a router that learns."""
        return False

    @property
    def context(self) -> str | None:
        """The router context of `CONTEXTS` that the feed-forward needs, or None."""
        return None

    @property
    def sees_future(self) -> bool:
        """True if the output for a frame depends on later frames of its utterance."""
        return False

    def without_experts(self, hidden_units: int | None = None) -> "FeedForwardConfig":
        """Return the settings of a feed-forward without experts, or the same if it has no width.

        Args:
            hidden_units: Its width; None for the width of one expert and the shared one together,
                or for the same width.
        """
        return self

    def build(self, stack: Stack, like: FeedForward | None = None) -> FeedForward:
        """Build the feed-forward of a layer.

        Args:
            stack: Shared settings of the encoder or decoder.
            like: A feed-forward whose weights or experts the new one shares, or None.

        Raises:
            InputError: The settings are incompatible.
        """
        raise not_defined(type(self), "build")


Activation = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Activation] = {"silu": F.silu, "relu": F.relu}
"""Activation functions of feed-forwards by name; silu is also called swish."""


class DenseFeedForward(nn.Module):
    """A feed-forward without experts: y = W2 dropout(activation(W1 x + b1)) + b2.

    Args:
        d_model: Model width D.
        hidden_units: Width M of the hidden layer.
        dropout: Dropout rate of the hidden layer.
        activation: One of `ACTIVATIONS`.
    """

    casts_weights: ClassVar[bool] = True
    """True if autocast rounds all parameters before use, so that they may be sent rounded."""

    def __init__(
        self, d_model: int, hidden_units: int, dropout: float, activation: Activation = F.silu
    ) -> None:
        super().__init__()
        self.activation = activation
        self.w1 = nn.Linear(d_model, hidden_units)
        self.w2 = nn.Linear(hidden_units, d_model)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, valid: ValidFrames, context: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """Transform each frame, see `FeedForward`; `valid` and the context are not used."""
        return self.w2(self.dropout(self.activation(self.w1(x)))), None


@dataclass(frozen=True, kw_only=True)
class DenseConfig(FeedForwardConfig):
    """A feed-forward without experts."""

    type: Literal["dense"] = "dense"
    hidden_units: int = 2048
    """Width M of the hidden layer."""
    activation: Annotated[str, OneOf(ACTIVATIONS)] = "silu"
    """Activation function between the two layers; silu is also called swish."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        check_size("hidden_units", self.hidden_units)

    def without_experts(self, hidden_units: int | None = None) -> "DenseConfig":
        """Return the same settings with another width, see `FeedForwardConfig.without_experts`."""
        return self if hidden_units is None else replace(self, hidden_units=hidden_units)

    def build(self, stack: Stack, like: FeedForward | None = None) -> FeedForward:
        """Build the feed-forward of a layer; if `like` is given, return `like` itself."""
        if like is not None:
            return like
        activation = ACTIVATIONS[self.activation]
        return DenseFeedForward(stack.d_model, self.hidden_units, stack.dropout, activation)
