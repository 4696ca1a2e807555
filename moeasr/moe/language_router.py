"""A router that knows the language of an utterance; every language owns some of the experts."""

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


class LanguageRouter(TopKRouter):
    """A router that sends every frame to the best K of the E / L experts of its language.

    It follows language-routed experts (LR-MoE, arXiv 2307.05956) and groups of experts by language
    (DLG-MoE, arXiv 2407.18581), but is given the language instead of predicting it. Language l owns
    the experts l E/L to (l+1) E/L - 1.

    Args:
        d_model: Model width D.
        num_languages: Number L of languages.
        num_experts: Number E of experts, a multiple of L.
        experts_per_frame: Number K of experts per frame, at most E / L.
        expert_weights: Normalisation of the weights, see `select_top_k`. `full` normalises over all
            experts of the language.

    Raises:
        InputError: The experts cannot be divided evenly among the languages, or a language has
            fewer than K experts.
    """

    context = "language"

    def __init__(
        self,
        d_model: int,
        num_languages: int,
        num_experts: int,
        experts_per_frame: int,
        expert_weights: ExpertWeights,
    ) -> None:
        if num_experts % num_languages:
            raise InputError(
                "`router: language` gives each language equally many experts: `num_experts` must "
                f"be a multiple of {num_languages}, but is {num_experts}"
            )
        check_selection(num_experts // num_languages, experts_per_frame, expert_weights)
        super().__init__(d_model, num_experts, experts_per_frame, expert_weights)
        self.num_languages = num_languages

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "LanguageRouter":
        """Build the router of a layer, see `Router.build`."""
        return cls(stack.d_model, stack.context_size, *selection(config))

    @property
    def num_choices(self) -> int:
        """Number of experts to which a frame may be routed."""
        return self.num_experts // self.num_languages

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames; `context_NC` (N, L) is the one-hot language of each frame."""
        if context_NC is None or context_NC.size(1) != self.num_languages:
            raise ValueError("the language router needs the language of each frame")
        own_NE = context_NC.repeat_interleave(self.num_experts // self.num_languages, dim=1) > 0.5
        logits_NE = linear_scores(x_ND, self.weight)
        # Far below every logit, but finite, because the losses multiply it by a probability of 0.
        logits_NE = torch.where(own_NE, logits_NE, logits_NE.new_tensor(-1e4))
        return select_top_k(logits_NE, self.experts_per_frame, self.expert_weights)
