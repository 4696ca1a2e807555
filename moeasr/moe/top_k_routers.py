"""Routers that learn: a linear layer scores the experts, and each frame takes the best K."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.moe.router import (
    ExpertWeights,
    Router,
    check_selection,
    linear_scores,
    new_router_weight,
    select_top_k,
)
from moeasr.nn.routing import Routing

if TYPE_CHECKING:
    from moeasr.moe.layer import MoeConfig
    from moeasr.nn.feed_forward import Stack


def selection(config: "MoeConfig") -> tuple[int, int, ExpertWeights]:
    """Return E, K and how the experts are weighed."""
    return config.num_experts, config.experts_per_frame, config.expert_weights


class TopKRouter(Router):
    """r = W_g x and the best K; U2++ MoE's router, and with K = 1 and `full` weights Switch's.

    Args:
        d_model: D.
        num_experts: E.
        experts_per_frame: K.
        expert_weights: Over which experts the weights are normalised, see `select_top_k`.

    Raises:
        InputError: The router could not learn, see `check_selection`.
    """

    def __init__(
        self, d_model: int, num_experts: int, experts_per_frame: int, expert_weights: ExpertWeights
    ) -> None:
        super().__init__()
        check_selection(num_experts, experts_per_frame, expert_weights)
        self.num_experts = num_experts
        self.experts_per_frame = experts_per_frame
        self.expert_weights = expert_weights
        self.weight = new_router_weight(num_experts, d_model)

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "TopKRouter":
        """See `Router`."""
        return cls(stack.d_model, *selection(config))

    @property
    def num_choices(self) -> int:
        """Experts that a frame may go to."""
        return self.num_experts

    @property
    def weights_sum_to_one(self) -> bool:
        """They do unless they are shares of a softmax over more experts than are selected.

        Of a softmax over E experts an untrained router gives K of them a share of about K / E.
        """
        return self.expert_weights != "full" or self.experts_per_frame == self.num_choices

    @property
    def has_gradient(self) -> bool:
        """It has none by a weight that is always 1."""
        return self.expert_weights != "one"

    @property
    def macs_per_frame(self) -> int:
        """Those of r = W x."""
        return self.weight.numel()

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames by themselves; a context is not looked at."""
        logits_NE = linear_scores(x_ND, self.weight)
        return select_top_k(logits_NE, self.experts_per_frame, self.expert_weights)


class EmbeddingRouter(TopKRouter):
    """SpeechMoE's router: r = W_r [e ; x], e the shared embedding network's output.

    arXiv 2105.03036, section 3.2; every layer has a W_r of its own and sees the same e.

    Args:
        d_model: D.
        context_size: C, width of e.
        num_experts: E.
        experts_per_frame: K, 1 in the paper.
        expert_weights: `full` in the paper.
    """

    context = "embedding"

    def __init__(
        self,
        d_model: int,
        context_size: int,
        num_experts: int,
        experts_per_frame: int,
        expert_weights: ExpertWeights,
    ) -> None:
        super().__init__(context_size + d_model, num_experts, experts_per_frame, expert_weights)

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "EmbeddingRouter":
        """See `Router`."""
        return cls(stack.d_model, stack.context_size, *selection(config))

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames by their embeddings, context_NC, and themselves."""
        if context_NC is None:
            raise ValueError("SpeechMoE's router needs the embedding network's output")
        return super().forward(torch.cat((context_NC.to(x_ND.dtype), x_ND), dim=1))


class NoisyTopKRouter(TopKRouter):
    """r = W_g x + noise * softplus(W_n x) in training, r = W_g x in evaluation.

    Shazeer et al., 2017 (arXiv 1701.06538), section 2.1. The noise ends with training: an
    utterance decoded twice must give the same text, streamed or not.

    Args:
        d_model: D.
        num_experts: E.
        experts_per_frame: K.
        expert_weights: See `select_top_k`.
    """

    def __init__(
        self, d_model: int, num_experts: int, experts_per_frame: int, expert_weights: ExpertWeights
    ) -> None:
        super().__init__(d_model, num_experts, experts_per_frame, expert_weights)
        # Zero: the same noise for all experts, until it learns better.
        self.noise_weight = nn.Parameter(torch.zeros(num_experts, d_model))

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames by themselves; a context is not looked at."""
        logits_NE = linear_scores(x_ND, self.weight)
        if self.training:
            scale_NE = F.softplus(linear_scores(x_ND, self.noise_weight))
            logits_NE = logits_NE + torch.randn_like(logits_NE) * scale_NE
        return select_top_k(logits_NE, self.experts_per_frame, self.expert_weights)


class OmniRouter(TopKRouter):
    """One router for all layers of an encoder or decoder (Omni-Router, arXiv 2507.05724)."""

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "TopKRouter":
        """Return the router of the layers before, or the first one."""
        router = stack.shared.get(cls)
        if not isinstance(router, cls):
            router = stack.shared[cls] = cls(stack.d_model, *selection(config))
        mine = (router.num_experts, router.experts_per_frame, router.expert_weights)
        if selection(config) != mine:
            raise InputError(
                "`router: omni` serves all layers: `num_experts`, `experts_per_frame` and "
                "`expert_weights` must be the same in all of them"
            )
        return router
