"""What a router decided: the record that experts, losses and statistics share."""

from typing import NamedTuple

from torch import Tensor


class Routing(NamedTuple):
    """The routing of one MoE layer over the N valid frames of a batch (padding has no row).

    It travels by return value from the layer to the losses and statistics, which are pure
    functions of it.
    """

    expert_ids: Tensor
    """(N, K) int64: the experts of each frame, best first."""
    expert_weights: Tensor
    """(N, K): what their outputs are multiplied by."""
    logits: Tensor
    """(N, E) float32 router outputs."""
    probs: Tensor
    """(N, E) float32: softmax of the logits over all experts."""

    @property
    def num_experts(self) -> int:
        """E."""
        return self.probs.size(1)


def named_routings(**routings: Routing | None) -> dict[str, Routing]:
    """Return those that there are: a feed-forward without experts has none.

    Args:
        routings: By the name of the feed-forward in its block.
    """
    return {name: routing for name, routing in routings.items() if routing is not None}
