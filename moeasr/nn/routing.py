"""The record of a router's decisions, which experts, losses and statistics share."""

from typing import NamedTuple

from torch import Tensor


class Routing(NamedTuple):
    """The routing of one MoE layer for the N valid frames of a batch; padding has no row.

    The layer returns it, and losses and statistics are pure functions of it.
    """

    expert_ids: Tensor
    """Indices of the experts of each frame, best first: (N, K) int64. They differ from each other,
    unless experts were merged."""
    expert_weights: Tensor
    """Weights by which the outputs of these experts are multiplied: (N, K)."""
    logits: Tensor
    """Router outputs: (N, E) float32."""
    probs: Tensor
    """Softmax of the logits over all experts: (N, E) float32."""

    @property
    def num_experts(self) -> int:
        """Number E of experts."""
        return self.probs.size(1)


def named_routings(**routings: Routing | None) -> dict[str, Routing]:
    """Return the routings that are not None; a feed-forward without experts has none.

    Args:
        routings: Routings by the name of the feed-forward in its block.
    """
    return {name: routing for name, routing in routings.items() if routing is not None}
