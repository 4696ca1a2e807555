"""The record of a router's decisions, which experts, losses and statistics share."""

from typing import NamedTuple

from torch import Tensor


class ExpertsAlone(NamedTuple):
    """The experts that utterances use most, each run alone on all frames of its utterance.

    An utterance has K of them, its number of experts per frame.
    """

    expert_ids: Tensor
    """Indices of the experts of each utterance, most used first: (B, K) int64."""
    shares: Tensor
    """Shares of these experts in the utterance, which sum to 1: (B, K)."""
    states: Tensor
    """Input of the layer plus the output of one expert: (B, K, T, D); padding is 0."""


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
    """Probabilities of all experts, most often the softmax of the logits: (N, E) float32."""
    alone: ExpertsAlone | None = None
    """Experts that ran alone, which only training with CTC heads of experts has."""

    @property
    def num_experts(self) -> int:
        """Number E of experts."""
        return self.probs.size(1)

    def weights_by_expert(self) -> Tensor:
        """Return the weight of every expert for each frame, (N, E); 0 for those it does not use."""
        weights_NE = self.expert_weights.new_zeros(len(self.expert_ids), self.num_experts)
        return weights_NE.scatter_add(1, self.expert_ids, self.expert_weights)

    def first_experts(self) -> Tensor:
        """Return the expert with the largest weight for each frame, (N,).

        It need not be the best one: `router: balanced` selects by biased scores, which do not enter
        the weights, and the weights of experts that were merged add up.
        """
        is_same = self.expert_ids.unsqueeze(1) == self.expert_ids.unsqueeze(2)  # (N, K, K)
        weights = (is_same * self.expert_weights.unsqueeze(1)).sum(dim=2)
        return self.expert_ids.gather(1, weights.argmax(dim=1, keepdim=True)).squeeze(1)


def named_routings(**routings: Routing | None) -> dict[str, Routing]:
    """Return the routings that are not None; a feed-forward without experts has none.

    Args:
        routings: Routings by the name of the feed-forward in its block.
    """
    return {name: routing for name, routing in routings.items() if routing is not None}
