"""The MoE feed-forward, which routes the valid frames and runs their experts."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from torch import Tensor, nn

from moeasr.config import OneOf
from moeasr.config_roles import PROCEDURE
from moeasr.errors import InputError
from moeasr.families import look_up
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank
from moeasr.moe.experts_alone import run_alone
from moeasr.moe.merged_experts import MergedExperts
from moeasr.moe.offline_routers import LookAheadRouter, UtteranceRouter
from moeasr.moe.router import ExpertWeights, Router
from moeasr.moe.routers import ROUTERS
from moeasr.nn.feed_forward import (
    ACTIVATIONS,
    CONTEXTS,
    DenseConfig,
    DenseFeedForward,
    FeedForward,
    FeedForwardConfig,
    Stack,
)
from moeasr.nn.routing import Routing
from moeasr.nn.valid_frames import ValidFrames
from moeasr.ranges import check_size

RouterClass = type[Router]


class MoEFeedForward(nn.Module):
    """An MoE layer: y = S(x) + sum of w_i E_i(x) over the K experts i of a frame.

    Padding is neither routed nor counted. The shared expert S, which is optional, serves every
    frame with weight 1 and is not routed.

    Args:
        router: The router that selects experts and weights for each valid frame.
        experts: The bank of experts.
        shared_expert: The shared expert, or None.

    Attributes:
        supervises_experts: True to run experts alone and to let labels teach the router, both in
            training only. CTC heads of experts need it, and set it.
    """

    supervises_experts: bool = False

    def __init__(
        self, router: Router, experts: ExpertBank, shared_expert: DenseFeedForward | None = None
    ) -> None:
        super().__init__()
        self.router = router
        self.experts = experts
        self.shared_expert = shared_expert

    def no_weight_decay(self) -> list[nn.Parameter]:
        """Return the router's parameters: weight decay would make its scores nearly equal."""
        return list(self.router.parameters())

    def forward(
        self, x: Tensor, valid: ValidFrames, context: Tensor | None = None
    ) -> tuple[Tensor, Routing]:
        """Transform each frame with its experts; the output of padding frames is zero.

        See `moeasr.nn.feed_forward.FeedForward`.
        """
        x_ND = valid.take(x)
        context_NC = None if context is None else valid.take(context)
        routing = self.router.route(x_ND, valid, context_NC)
        is_supervised = self.training and self.supervises_experts
        if is_supervised and context_NC is not None:
            routing = self.router.with_labels(routing, context_NC)
        y_ND = self.experts(x_ND, routing, valid)
        if is_supervised:
            routing = routing._replace(alone=run_alone(self.experts, x_ND, routing, valid))
        if self.shared_expert is not None:
            y_ND = y_ND + self.shared_expert(x_ND, valid)[0].to(y_ND.dtype)
        return valid.put(y_ND), routing


@dataclass(frozen=True, kw_only=True)
class DrawnExperts:
    """Numbers of experts per frame that training draws at random, and the number in recognition.

    Every step draws one number for all layers with the same numbers, so that one model works with
    each of them (DLG-MoE, arXiv 2407.18581; we have read only the abstract).
    """

    train: tuple[int, ...]
    """Numbers from which each training step draws one."""
    decode: int
    """Number in evaluation and recognition."""

    def __post_init__(self) -> None:
        """Check that there is a number to draw."""
        if not self.train:
            raise InputError("`train` needs at least one number of experts")


@dataclass(frozen=True, kw_only=True)
class MoeConfig(FeedForwardConfig):
    """A mixture of experts: feed-forwards among which a router selects."""

    type: Literal["moe"] = "moe"
    hidden_units: int = 2048
    """Width M of the hidden layer of each expert."""
    activation: Annotated[str, OneOf(ACTIVATIONS)] = "silu"
    """Activation function between the two layers of an expert; silu is also called swish."""
    num_experts: int = 8
    """Number E of experts."""
    shared_expert_units: int = 0
    """Width of the hidden layer of an additional expert that every frame uses; 0 for none. It
    becomes the feed-forward of a dense model that `init.dense` names, see
    `moeasr.convert.upcycling`."""
    experts_per_frame: int | DrawnExperts = 2
    """Number K of experts to which each frame is sent. A section such as {train: [1, 2, 4], decode:
    2} lets each training step draw K at random, so that the model works with each of these K."""
    expert_weights: ExpertWeights = "selected"
    """Normalisation of the weights: `selected` is a softmax over the K selected logits (U2++ MoE),
    `full` over all E (SpeechMoE, Switch). `one` gives the single selected expert the weight 1. It
    is meant for imported models, because it gives the router no gradient."""
    router: Annotated[str, OneOf(ROUTERS, Router)] = "top_k"
    """One of `moeasr.moe.routers.ROUTERS`, or the import path of another `Router`."""
    look_ahead_frames: int | None = None
    """Number R of later frames that `router: look_ahead` reads; null means 4."""
    merge: bool = False
    """True to average the parameters of all experts by the probabilities of `router: utterance`, so
    that each utterance has one merged expert (SMEAR, arXiv 2306.03745)."""
    merged_from: int | None = None
    """Number of experts before `moeasr prune --merge-experts` merged some of them; null if it did
    not. The router continues to score these."""
    kernel: Annotated[str, OneOf(EXPERT_KERNELS)] = field(default="auto", metadata=PROCEDURE)
    """Implementation that runs the experts, one of `moeasr.moe.experts.EXPERT_KERNELS`. All of them
    give equal results; `auto` chooses by device and sizes."""
    capacity_factor: float | None = None
    """Limit on the frames of an expert in other toolkits. It must stay null and exists only so that
    the error message can give the reason."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        check_size("hidden_units", self.hidden_units)
        check_size("num_experts", self.num_experts)
        check_size("shared_expert_units", self.shared_expert_units, minimum=0)
        check_size("experts_per_frame", self.decoding_experts)
        if self.capacity_factor is not None:
            raise InputError(
                "`capacity_factor` must be null: the frames that a full expert drops depend on the "
                "rest of the batch, so such a model could not stream or reproduce its results"
            )
        if self.merged_from is not None:
            check_size("merged_from", self.merged_from, minimum=self.num_experts)
        if self.context not in (None, *CONTEXTS):
            raise InputError(
                f"`router: {self.router}` needs the router context '{self.context}', but the "
                f"contexts are {', '.join(CONTEXTS)}"
            )
        self._check_offline_routing()
        self.router_class.check(self)

    def _check_offline_routing(self) -> None:
        if self.look_ahead_frames is not None:
            check_size("look_ahead_frames", self.look_ahead_frames)
            if not issubclass(self.router_class, LookAheadRouter):
                raise InputError(
                    f"`look_ahead_frames` must be null with `router: {self.router}`; only `router: "
                    "look_ahead` reads later frames"
                )
        if not self.merge:
            return
        if not issubclass(self.router_class, UtteranceRouter):
            raise InputError(
                f"`merge: true` needs `router: utterance`, but the router is {self.router}: the "
                "experts are merged once for all frames of an utterance"
            )
        if self.merged_from is not None:
            raise InputError("`merged_from` must be null with `merge: true`")
        if self.experts_per_frame != 1 or self.expert_weights != "full":
            raise InputError(
                "`merge: true` needs `experts_per_frame: 1` and `expert_weights: full`, because "
                "the softmax over all experts merges them to one"
            )

    @property
    def decoding_experts(self) -> int:
        """Number K of experts per frame in evaluation and recognition."""
        drawn = self.experts_per_frame
        return drawn.decode if isinstance(drawn, DrawnExperts) else drawn

    @property
    def training_experts(self) -> tuple[int, ...]:
        """Numbers of experts per frame from which training draws."""
        drawn = self.experts_per_frame
        return drawn.train if isinstance(drawn, DrawnExperts) else (drawn,)

    @property
    def router_class(self) -> RouterClass:
        """The class that `router` selects."""
        return look_up(ROUTERS, self.router, Router)

    @property
    def learns_routing(self) -> bool:
        """True if the router learns."""
        return self.router_class.learns

    @property
    def context(self) -> str | None:
        """The router context that the router needs, or None."""
        return self.router_class.context

    @property
    def sees_future(self) -> bool:
        """True if the router reads later frames."""
        return self.router_class.sees_future

    def without_experts(self, hidden_units: int | None = None) -> DenseConfig:
        """Return the settings of a dense feed-forward, see `FeedForwardConfig.without_experts`."""
        width = hidden_units or self.hidden_units + self.shared_expert_units
        return DenseConfig(hidden_units=width, activation=self.activation)

    def build(self, stack: Stack, like: FeedForward | None = None) -> MoEFeedForward:
        """Build the feed-forward of a layer, see `FeedForwardConfig`.

        Experts may be shared with `like`, but the router is new.
        """
        scored = replace(self, num_experts=self.merged_from or self.num_experts, merged_from=None)
        router = self.router_class.build(scored, stack)
        router.serve_layer(self.num_experts, are_merged=self.merged_from is not None)
        router.use_experts(self.decoding_experts)
        router.training_experts = self.training_experts
        if isinstance(like, MoEFeedForward):
            return MoEFeedForward(router, like.experts, like.shared_expert)
        activation = ACTIVATIONS[self.activation]
        experts = (MergedExperts if self.merge else ExpertBank)(
            stack.d_model,
            self.hidden_units,
            self.num_experts,
            stack.dropout,
            EXPERT_KERNELS[self.kernel],
            activation,
        )
        shared_expert = None
        if self.shared_expert_units > 0:
            shared_expert = DenseFeedForward(
                stack.d_model, self.shared_expert_units, stack.dropout, activation
            )
        return MoEFeedForward(router, experts, shared_expert)
