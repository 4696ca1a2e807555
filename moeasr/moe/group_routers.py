"""Routers with groups of experts: a frame is routed to experts of its group only.

The group of a frame is its router context. It follows from the language of the utterance, which is
given, or from the decision of a head on a lower block.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.moe.router import ExpertWeights, check_selection, linear_scores, select_top_k
from moeasr.moe.top_k_routers import TopKRouter, selection
from moeasr.nn.routing import Routing

if TYPE_CHECKING:
    from moeasr.moe.layer import MoeConfig
    from moeasr.nn.feed_forward import Stack


class GroupRouter(TopKRouter):
    """The base class of routers that send a frame to the best K of the E / G experts of its group.

    Group g owns the experts g E/G to (g+1) E/G - 1.

    Args:
        d_model: Model width D.
        num_groups: Number G of groups.
        num_experts: Number E of experts, a multiple of G.
        experts_per_frame: Number K of experts per frame, at most E / G.
        expert_weights: Normalisation of the weights, see `select_top_k`. `full` normalises over all
            experts of the group.

    Raises:
        InputError: The experts cannot be divided evenly among the groups, or a group has fewer than
            K experts.
    """

    can_be_taught = False

    def __init__(
        self,
        d_model: int,
        num_groups: int,
        num_experts: int,
        experts_per_frame: int,
        expert_weights: ExpertWeights,
    ) -> None:
        if num_experts % num_groups:
            raise InputError(
                f"`router: {self.context}` gives each group equally many experts: `num_experts` "
                f"must be a multiple of {num_groups}, but is {num_experts}"
            )
        group_size = num_experts // num_groups
        if experts_per_frame > group_size:
            raise InputError(
                f"`router: {self.context}` divides {num_experts} experts among {num_groups} "
                f"groups: `experts_per_frame` must be at most {group_size}, the number of experts "
                f"of a group, but is {experts_per_frame}"
            )
        check_selection(group_size, experts_per_frame, expert_weights)
        super().__init__(d_model, num_experts, experts_per_frame, expert_weights)
        self.num_groups = num_groups

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "GroupRouter":
        """Build the router of a layer, see `Router.build`."""
        return cls(stack.d_model, stack.context_size, *selection(config))

    @property
    def num_choices(self) -> int:
        """Number of experts to which a frame may be routed."""
        return self.num_experts // self.num_groups

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames; `context_NC` (N, G) is the one-hot group of each frame."""
        if context_NC is None or context_NC.size(1) != self.num_groups:
            raise ValueError(f"`router: {self.context}` needs the group of each frame")
        own_NE = context_NC.repeat_interleave(self.num_choices, dim=1) > 0.5
        logits_NE = linear_scores(x_ND, self.weight)
        # Far below every logit, but finite, because the losses multiply it by a probability of 0.
        logits_NE = torch.where(own_NE, logits_NE, logits_NE.new_tensor(-1e4))
        return select_top_k(logits_NE, self.experts_per_frame, self.expert_weights)


class LanguageRouter(GroupRouter):
    """A router whose groups are languages, and which is given the language of each utterance.

    It follows language-routed experts (LR-MoE, arXiv 2307.05956) and groups of experts by language
    (DLG-MoE, arXiv 2407.18581), but is given the language instead of predicting it.
    """

    context = "language"


class LearnedGroupRouter(GroupRouter):
    """A router whose groups are labels, such as languages, which a head predicts for each frame.

    A head on a lower block chooses the group of each frame for all later blocks, as the shared
    pre-router of LR-MoE (arXiv 2307.05956) and the language routers of SC-MoE (arXiv 2406.18021)
    and DLG-MoE (arXiv 2407.18581) do. Inside the group, every layer has a router of its own. We
    have read only the abstracts of these papers, so all details are our choice.
    `moeasr.models.heads.group_head` has the head.
    """

    context = "learned_group"
