"""The feed-forward seam, and the dense one. An MoE is just another feed-forward."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.config import OneOf
from moeasr.nn.dropout import Dropout
from moeasr.nn.routing import Routing
from moeasr.ranges import check_size

CONTEXTS = ("embedding", "language")
"""What an encoder may be told about each frame beside its features: the state of an embedding
network, or the language that is spoken."""


class FeedForward(Protocol):
    """What blocks and decoders ask of a feed-forward; they do not know whether it has experts."""

    def __call__(
        self, x: Tensor, valid_mask: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Routing | None]:
        """Transform each frame on its own.

        Args:
            x: (B, T, D).
            valid_mask: (B, T) bool. What comes out at padding frames is undefined but finite.
            context: (B, T, C) further input of a router, such as an embedding network's output.

        Returns:
            (B, T, D), and the routing if there are experts.
        """
        ...


@dataclass
class Stack:
    """The settings and parts that the feed-forwards of one encoder or decoder share."""

    d_model: int
    """D."""
    dropout: float
    """Inside feed-forwards."""
    context_size: int = 0
    """C: width of the context; 0 without one."""
    shared: dict[Any, nn.Module] = field(default_factory=dict)
    """Parts of which one serves all layers, by what made them."""


@dataclass(frozen=True, kw_only=True)
class FeedForwardConfig:
    """A `feed_forward:` section; what builds a feed-forward is a subclass for each `type`."""

    type: str
    """Which: a name of `moeasr.models.feed_forwards.FEED_FORWARDS`, or the import path of a
    subclass of one's own."""

    @property
    def learns_routing(self) -> bool:
        """Whether it has a router that learns."""
        return False

    @property
    def context(self) -> str | None:
        """Which of `CONTEXTS` it needs."""
        return None

    def build(self, stack: Stack, like: FeedForward | None = None) -> FeedForward:
        """Build the feed-forward of a layer.

        Args:
            stack: Of its encoder or decoder.
            like: A feed-forward whose weights, or experts, it is to share; or None.

        Raises:
            InputError: The settings do not go together.
        """
        raise NotImplementedError


Activation = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Activation] = {"silu": F.silu, "relu": F.relu}
"""What stands between the two layers; silu is also called swish."""


class DenseFeedForward(nn.Module):
    """y = W2 dropout(activation(W1 x + b1)) + b2.

    Args:
        d_model: D.
        hidden_units: M.
        dropout: On the hidden layer.
        activation: One of `ACTIVATIONS`.
    """

    def __init__(
        self, d_model: int, hidden_units: int, dropout: float, activation: Activation = F.silu
    ) -> None:
        super().__init__()
        self.activation = activation
        self.w1 = nn.Linear(d_model, hidden_units)
        self.w2 = nn.Linear(hidden_units, d_model)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, valid_mask: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """See `FeedForward`; mask and context are not needed."""
        return self.w2(self.dropout(self.activation(self.w1(x)))), None


@dataclass(frozen=True, kw_only=True)
class DenseConfig(FeedForwardConfig):
    """A feed-forward without experts."""

    type: Literal["dense"] = "dense"
    hidden_units: int = 2048
    """M: width of the hidden layer."""
    activation: Annotated[str, OneOf(ACTIVATIONS)] = "silu"
    """Between the two layers; silu is also called swish."""

    def __post_init__(self) -> None:
        """Check ranges."""
        check_size("hidden_units", self.hidden_units)

    def build(self, stack: Stack, like: FeedForward | None = None) -> FeedForward:
        """See `FeedForwardConfig`; a shared one is the same module."""
        if like is not None:
            return like
        activation = ACTIVATIONS[self.activation]
        return DenseFeedForward(stack.d_model, self.hidden_units, stack.dropout, activation)
