"""The feed-forward seam, and the dense one. An MoE is just another feed-forward."""

from collections.abc import Callable
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.nn.dropout import Dropout
from moeasr.nn.routing import Routing


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
