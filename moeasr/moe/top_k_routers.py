"""Learned routers, in which a linear layer scores the experts and each frame uses the best K."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.moe.label_teaching import route_by_labels
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
    """Return the number of experts, the largest number per frame in training, and the weights."""
    return config.num_experts, max(config.training_experts), config.expert_weights


class TopKRouter(Router):
    """A router that selects the K experts with the highest scores r = W_g x.

    This is the router of U2++ MoE. With K = 1 and `full` weights, it is the router of Switch
    Transformers.

    Args:
        d_model: Model width D.
        num_experts: Number E of experts.
        experts_per_frame: Number K of experts per frame.
        expert_weights: Normalisation of the weights, see `select_top_k`.

    Raises:
        InputError: The router could not learn, see `check_selection`.
    """

    can_be_taught = True
    rows_by_expert = ("weight",)

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
        """Build the router of a layer, see `Router.build`."""
        return cls(stack.d_model, *selection(config))

    def use_experts(self, experts_per_frame: int) -> None:
        """Change the number K of experts per frame outside training, see `Router.use_experts`."""
        if self.expert_weights == "one" and experts_per_frame != 1:
            raise InputError(
                f"`expert_weights: one` needs one expert per frame, but it is {experts_per_frame}"
            )
        super().use_experts(experts_per_frame)

    @property
    def weights_sum_to_one(self) -> bool:
        """False if the weights come from a softmax over more experts than are selected.

        The K weights of an untrained router then sum to about K / E.
        """
        return self.expert_weights != "full" or self.experts_per_frame == self.num_choices

    @property
    def ignores_unused_experts(self) -> bool:
        """False if the weights come from a softmax over all experts."""
        return self.expert_weights != "full"

    @property
    def has_gradient(self) -> bool:
        """False if the weight of an expert is always 1."""
        return self.expert_weights != "one"

    @property
    def macs_per_frame(self) -> int:
        """Multiply-adds of r = W x."""
        return self.weight.numel()

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames; the router context is ignored."""
        logits_NE = linear_scores(x_ND, self.weight)
        return select_top_k(logits_NE, self.experts_per_frame, self.expert_weights)

    def with_labels(self, routing: Routing, label_weights_NL: Tensor) -> Routing:
        """Return a routing that also follows labels, see `Router.with_labels`."""
        return route_by_labels(routing, label_weights_NL, self.expert_weights)


class EmbeddingRouter(TopKRouter):
    """SpeechMoE's router r = W_r [e ; x], where e is the output of the shared embedding network.

    Every layer has its own W_r and sees the same e (arXiv 2105.03036, section 3.2).

    Args:
        d_model: Model width D.
        context_size: Width C of e.
        num_experts: Number E of experts.
        experts_per_frame: Number K of experts per frame, 1 in the paper.
        expert_weights: Normalisation of the weights, `full` in the paper.
    """

    context = "embedding"
    can_be_taught = False

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
        """Build the router of a layer, see `Router.build`."""
        return cls(stack.d_model, stack.context_size, *selection(config))

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames by their embeddings `context_NC` and the frames themselves."""
        if context_NC is None:
            raise ValueError("SpeechMoE's router needs the embedding network's output")
        return super().forward(torch.cat((context_NC.to(x_ND.dtype), x_ND), dim=1))


class NoisyTopKRouter(TopKRouter):
    """A router with r = W_g x + noise * softplus(W_n x) in training and r = W_g x in evaluation.

    Shazeer et al., 2017 (arXiv 1701.06538), section 2.1. There is no noise in evaluation, because
    decoding an utterance twice must give the same text, with or without streaming.

    Args:
        d_model: Model width D.
        num_experts: Number E of experts.
        experts_per_frame: Number K of experts per frame.
        expert_weights: Normalisation of the weights, see `select_top_k`.
    """

    rows_by_expert = ("weight", "noise_weight")

    def __init__(
        self, d_model: int, num_experts: int, experts_per_frame: int, expert_weights: ExpertWeights
    ) -> None:
        super().__init__(d_model, num_experts, experts_per_frame, expert_weights)
        # Zeros give all experts noise of the same size until training changes it.
        self.noise_weight = nn.Parameter(torch.zeros(num_experts, d_model))

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames; the router context is ignored."""
        logits_NE = linear_scores(x_ND, self.weight)
        if self.training:
            scale_NE = F.softplus(linear_scores(x_ND, self.noise_weight))
            logits_NE = logits_NE + torch.randn_like(logits_NE) * scale_NE
        return select_top_k(logits_NE, self.experts_per_frame, self.expert_weights)


class OmniRouter(TopKRouter):
    """A router that all layers of an encoder or decoder share (Omni-Router, arXiv 2507.05724)."""

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "TopKRouter":
        """Return the router that the previous layers use, or create it for the first layer."""
        router = stack.shared.get(cls)
        if not isinstance(router, cls):
            router = stack.shared[cls] = cls(stack.d_model, *selection(config))
            return router
        drawn = (router.training_experts, router.experts_per_frame)
        if (config.training_experts, config.decoding_experts) != drawn or (
            (config.num_experts, config.expert_weights)
            != (router.num_experts, router.expert_weights)
        ):
            raise InputError(
                "`router: omni` is shared by all layers, so `num_experts`, `experts_per_frame` and "
                "`expert_weights` must be the same in all of them"
            )
        return router
