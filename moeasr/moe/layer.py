"""The MoE feed-forward: route the valid frames, run their experts, put the frames back."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from torch import Tensor, nn

from moeasr.config import OneOf
from moeasr.config_roles import PROCEDURE
from moeasr.errors import InputError
from moeasr.families import look_up
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank
from moeasr.moe.router import ExpertWeights, Router
from moeasr.moe.routers import ROUTERS
from moeasr.nn.feed_forward import ACTIVATIONS, FeedForward, FeedForwardConfig, Stack
from moeasr.nn.routing import Routing
from moeasr.ranges import check_size

RouterClass = type[Router]


class MoEFeedForward(nn.Module):
    """y = sum over the frame's K experts of w_i E_i(x); padding is neither routed nor counted.

    Args:
        router: Chooses experts and weights for each valid frame.
        experts: The bank that runs them.
    """

    def __init__(self, router: Router, experts: ExpertBank) -> None:
        super().__init__()
        self.router = router
        self.experts = experts

    def no_weight_decay(self) -> list[nn.Parameter]:
        """Return the router's parameters: decay would pull its scores towards ties."""
        return list(self.router.parameters())

    def forward(
        self, x: Tensor, valid_mask: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Routing]:
        """See `moeasr.nn.feed_forward.FeedForward`; padding frames come out as zeros."""
        if valid_mask.all():  # a batch without padding need not be taken apart
            x_ND = x.flatten(0, 1)
            routing = self.router(x_ND, None if context is None else context.flatten(0, 1))
            return self.experts(x_ND, routing).view(x.shape), routing
        x_ND = x[valid_mask]
        routing = self.router(x_ND, None if context is None else context[valid_mask])
        y_ND = self.experts(x_ND, routing)
        y = x.new_zeros(x.shape, dtype=y_ND.dtype)
        y[valid_mask] = y_ND
        return y, routing


@dataclass(frozen=True, kw_only=True)
class MoeConfig(FeedForwardConfig):
    """A mixture of expert feed-forwards under a router."""

    type: Literal["moe"] = "moe"
    hidden_units: int = 2048
    """M: width of the hidden layer of each expert."""
    activation: Annotated[str, OneOf(ACTIVATIONS)] = "silu"
    """Between the two layers of an expert; silu is also called swish."""
    num_experts: int = 8
    """E."""
    experts_per_frame: int = 2
    """K: how many experts each frame is sent to."""
    expert_weights: ExpertWeights = "selected"
    """Softmax over the K selected logits (U2++ MoE), or over all E (SpeechMoE, Switch). `one`
    weighs the single chosen expert by 1: for imported models, since it gives the router no
    gradient."""
    router: Annotated[str, OneOf(ROUTERS, Router)] = "top_k"
    """One of `moeasr.moe.routers.ROUTERS`, or the import path of another `Router`."""
    kernel: Annotated[str, OneOf(EXPERT_KERNELS)] = field(default="sorted", metadata=PROCEDURE)
    """How experts are run, one of `moeasr.moe.experts.EXPERT_KERNELS`; all give equal results."""
    capacity_factor: float | None = None
    """Other toolkits' limit on an expert's frames. Known here only to be refused with the reason:
    it must stay null."""

    def __post_init__(self) -> None:
        """Check ranges."""
        check_size("hidden_units", self.hidden_units)
        check_size("num_experts", self.num_experts)
        check_size("experts_per_frame", self.experts_per_frame)
        if self.capacity_factor is not None:
            raise InputError(
                "`capacity_factor` must be null: which frames a full expert drops depends on the "
                "rest of the batch, so such a model can neither stream nor repeat its results"
            )
        self.router_class.check(self)

    @property
    def router_class(self) -> RouterClass:
        """What `router` stands for."""
        return look_up(ROUTERS, self.router, Router)

    @property
    def learns_routing(self) -> bool:
        """See `FeedForwardConfig`."""
        return self.router_class.learns

    @property
    def context(self) -> str | None:
        """See `FeedForwardConfig`."""
        return self.router_class.context

    def build(self, stack: Stack, like: FeedForward | None = None) -> MoEFeedForward:
        """See `FeedForwardConfig`; the router is always a new one."""
        router = self.router_class.build(self, stack)
        if isinstance(like, MoEFeedForward):
            return MoEFeedForward(router, like.experts)
        experts = ExpertBank(
            stack.d_model,
            self.hidden_units,
            self.num_experts,
            stack.dropout,
            EXPERT_KERNELS[self.kernel],
            ACTIVATIONS[self.activation],
        )
        return MoEFeedForward(router, experts)
