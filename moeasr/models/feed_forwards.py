"""Feed-forwards and routers by name: what the config's `type` and `router` may be.

A feed-forward or router of one's own joins its family under a new name:

    from moeasr.models.feed_forwards import ROUTERS
    ROUTERS["mine"] = lambda config, stack: MyRouter(stack.d_model, config.num_experts)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moeasr.errors import InputError
from moeasr.moe.balanced_router import BalancedRouter
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank
from moeasr.moe.fixed_routers import HashRouter, RandomRouter
from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.routers import (
    EmbeddingRouter,
    ExpertWeights,
    LanguageRouter,
    NoisyTopKRouter,
    Router,
    TopKRouter,
)
from moeasr.nn.feed_forward import ACTIVATIONS, DenseFeedForward, FeedForward

if TYPE_CHECKING:  # the config takes its names from here
    from moeasr.models.config import FeedForwardConfig


@dataclass
class Stack:
    """The settings and parts that the feed-forwards of one encoder or decoder share."""

    d_model: int
    dropout: float
    context_size: int = 0
    """C: width of the embedding network; 0 without one."""
    num_languages: int = 0
    """L: of the language router."""
    omni_router: TopKRouter | None = None
    """The one router of all layers, once a layer has asked for it."""


def build_feed_forward(
    config: "FeedForwardConfig", stack: Stack, like: FeedForward | None = None
) -> FeedForward:
    """Build a feed-forward, with the weights or the experts of `like` if there is one."""
    return FEED_FORWARDS[config.type](config, stack, like)


def _build_dense(
    config: "FeedForwardConfig", stack: Stack, like: DenseFeedForward | None
) -> DenseFeedForward:
    if like is not None:
        return like
    activation = ACTIVATIONS[config.activation]
    return DenseFeedForward(stack.d_model, config.hidden_units, stack.dropout, activation)


def _build_moe(
    config: "FeedForwardConfig", stack: Stack, like: MoEFeedForward | None
) -> MoEFeedForward:
    router = ROUTERS[config.router](config, stack)
    kernel = EXPERT_KERNELS[config.kernel]
    experts = (
        like.experts
        if like
        else ExpertBank(
            stack.d_model,
            config.hidden_units,
            config.num_experts,
            stack.dropout,
            kernel,
            ACTIVATIONS[config.activation],
        )
    )
    return MoEFeedForward(router, experts)


def _selection(config: "FeedForwardConfig") -> tuple[int, int, ExpertWeights]:
    return config.num_experts, config.experts_per_frame, config.expert_weights


def _build_omni(config: "FeedForwardConfig", stack: Stack) -> TopKRouter:
    """One router for all layers of the stack (Omni-Router, arXiv 2507.05724)."""
    if stack.omni_router is None:
        stack.omni_router = TopKRouter(stack.d_model, *_selection(config))
    router = stack.omni_router
    if _selection(config) != (router.num_experts, router.experts_per_frame, router.expert_weights):
        raise InputError(
            "`router: omni` serves all layers: `num_experts`, `experts_per_frame` and "
            "`expert_weights` must be the same in all of them"
        )
    return router


FEED_FORWARDS: dict[str, Callable[..., FeedForward]] = {
    "dense": _build_dense,
    "moe": _build_moe,
}
ROUTERS: dict[str, Callable[["FeedForwardConfig", Stack], Router]] = {
    "top_k": lambda c, s: TopKRouter(s.d_model, *_selection(c)),
    "embedding": lambda c, s: EmbeddingRouter(s.d_model, s.context_size, *_selection(c)),
    "noisy_top_k": lambda c, s: NoisyTopKRouter(s.d_model, *_selection(c)),
    "omni": _build_omni,
    "balanced": lambda c, s: BalancedRouter(s.d_model, *_selection(c)),
    "language": lambda c, s: LanguageRouter(s.d_model, s.num_languages, *_selection(c)),
    "random": lambda c, s: RandomRouter(s.d_model, c.num_experts, c.experts_per_frame),
    "hash": lambda c, s: HashRouter(s.d_model, c.num_experts, c.experts_per_frame),
}
