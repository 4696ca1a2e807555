"""The router seam: what an MoE layer, its losses and its reports ask of a router.

A frame's experts depend on that frame (and its context) alone, whatever else is in the batch: this
is what lets a model with experts stream.
"""

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.nn.routing import Routing

if TYPE_CHECKING:
    from moeasr.moe.layer import MoeConfig
    from moeasr.nn.feed_forward import Stack

ExpertWeights = Literal["selected", "full", "one"]


class Router(nn.Module):
    """A module `(x_ND, context_NC | None) -> Routing` that says everything about itself.

    A router of one's own is a subclass. It needs `num_experts`, `experts_per_frame`, `build` and
    `forward`; the rest says what is true of most routers. Its parameters are not decayed by the
    optimizer, and keep 32 bits in a packed model.
    """

    learns: ClassVar[bool] = True
    """Whether training is to change its choices: the routing losses are for routers that learn."""
    context: ClassVar[str | None] = None
    """What it reads beside the frames: one of `moeasr.nn.feed_forward.CONTEXTS`."""
    reacts: ClassVar[bool] = False
    """Whether `react` does something."""

    num_experts: int
    """E."""
    experts_per_frame: int
    """K."""

    @classmethod
    def check(cls, config: "MoeConfig") -> None:
        """Refuse settings that such a router cannot work with, before anything is built.

        Raises:
            InputError: It cannot.
        """
        weights = config.expert_weights if cls.learns else "full"
        check_selection(config.num_experts, config.experts_per_frame, weights)

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "Router":
        """Build the router of a layer.

        Args:
            config: Of the layer.
            stack: Of the encoder or decoder that the layer belongs to.

        Raises:
            InputError: The settings do not go together.
        """
        raise NotImplementedError

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Choose experts for N valid frames; see `Routing`."""
        raise NotImplementedError

    @property
    def weights_sum_to_one(self) -> bool:
        """Whether the weights of each frame's K experts always sum to 1.

        Only then is a mixture of equal experts the feed-forward that they equal. False where it is
        not known.
        """
        return False

    @property
    def has_gradient(self) -> bool:
        """Whether the model's output depends on it in a way that gradients can follow."""
        return self.learns

    @property
    def macs_per_frame(self) -> int | None:
        """Multiply-adds for one frame in evaluation; None if it does not know them."""
        return None

    def react(self, load: Tensor) -> None:
        """Take note of the load of a training step.

        Args:
            load: (E,) assignments of the step, over all micro-batches and processes.
        """


def check_selection(
    num_experts: int, experts_per_frame: int, expert_weights: ExpertWeights
) -> None:
    """Refuse what cannot work: K out of range, or K = 1 with `selected` weights.

    The softmax of a single logit is 1 whatever the router says, so its gradient would be zero.
    `one` says so openly: it is for models of other toolkits that were trained that way.
    """
    if not 1 <= experts_per_frame <= num_experts:
        raise InputError(
            f"`experts_per_frame` must be between 1 and num_experts ({num_experts}), "
            f"but is {experts_per_frame}"
        )
    if experts_per_frame == 1 and num_experts > 1 and expert_weights == "selected":
        raise InputError(
            "`expert_weights: selected` with `experts_per_frame: 1` gives the router a zero "
            "gradient (the softmax of one logit is always 1); use `expert_weights: full`"
        )
    if expert_weights == "one" and experts_per_frame != 1:
        raise InputError(
            f"`expert_weights: one` needs `experts_per_frame: 1`, but it is {experts_per_frame}"
        )


def select_top_k(
    logits_NE: Tensor, experts_per_frame: int, expert_weights: ExpertWeights
) -> Routing:
    """Each frame's K highest logits, and what their experts' outputs are multiplied by.

    With `selected` weights w = softmax over the K chosen logits, so they sum to 1 (U2++ MoE, arXiv
    2404.16407; Mixtral). With `full` weights w = the chosen experts' share of the softmax over all
    E (SpeechMoE, arXiv 2105.03036, section 3.1; Switch). With `one`, K = 1 and w = 1, which no
    router learns by. All choose the same experts.
    """
    probs_NE = logits_NE.softmax(dim=-1)
    top_logits_NK, expert_ids_NK = logits_NE.topk(experts_per_frame, dim=-1)
    if expert_weights == "full":
        weights_NK = probs_NE.gather(1, expert_ids_NK)
    else:
        weights_NK = top_logits_NK.softmax(dim=-1)  # 1 for a single one
    return Routing(expert_ids_NK, weights_NK, logits_NE, probs_NE)


def new_router_weight(num_experts: int, num_inputs: int) -> nn.Parameter:
    """(E, num_inputs), small and random: equal logits would fill the lowest expert ids only."""
    return nn.Parameter(torch.randn(num_experts, num_inputs) / math.sqrt(num_inputs))


def linear_scores(x: Tensor, weight: Tensor) -> Tensor:
    """r = W x without bias, (N, inputs) -> (N, E).

    Computed in float32 (or float64) even under autocast: in bfloat16 near-ties flip experts.
    """
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    with torch.autocast(x.device.type, enabled=False):
        return x.to(dtype) @ weight.to(dtype).T
