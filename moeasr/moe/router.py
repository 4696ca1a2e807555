"""The interface of routers, which MoE layers, losses and reports use.

The experts of a frame depend only on that frame and its router context, never on the rest of the
batch. This property allows a model with experts to stream. A router with `sees_future` also reads
other frames of the utterance, so a model with it cannot stream.
"""

import math
import random
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn

from moeasr.errors import InputError, not_defined
from moeasr.nn.routing import Routing
from moeasr.nn.valid_frames import ValidFrames

if TYPE_CHECKING:
    from moeasr.moe.layer import MoeConfig
    from moeasr.nn.feed_forward import Stack

ExpertWeights = Literal["selected", "full", "one"]


class Router(nn.Module):
    """The base class of routers: modules `(x_ND, context_NC | None) -> Routing`.

    To add a router, write a subclass that sets `num_experts` and `experts_per_frame`, and that has
    `build` and `forward`. The other members have defaults that suit most routers. The optimizer
    applies no weight decay to a router's parameters, and they stay in float32 in a packed model.
    """

    learns: ClassVar[bool] = True
    """True if training changes the choices of the router. Routing losses apply only to routers that
    learn."""
    context: ClassVar[str | None] = None
    """Router context that the router needs: one of `moeasr.nn.feed_forward.CONTEXTS`, or None."""
    sees_future: ClassVar[bool] = False
    """True if the experts of a frame depend on later frames of its utterance. `forward` then takes
    the places of the frames as a third argument, `valid: ValidFrames | None`."""
    reacts: ClassVar[bool] = False
    """True if `react` must be called after each training step."""

    can_be_taught: ClassVar[bool] = False
    """True if `with_labels` may change the choices of the router in training."""

    rows_by_expert: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters and buffers with one row for each expert."""

    num_experts: int
    """Number E of experts."""
    training_experts: tuple[int, ...] = ()
    """Numbers of experts per frame from which each training step draws one; if empty, training uses
    K."""
    expert_of: Tensor | None
    """Expert of the layer that each of the E experts of the router has become, (E,) int64; None if
    no experts were merged."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("expert_of", None)
        self._experts_per_frame = 1
        self._drawn: int | None = None
        self._num_layer_experts: int | None = None

    @property
    def experts_per_frame(self) -> int:
        """Number K of experts per frame; in training, the number drawn for the current step."""
        return self._drawn if self.training and self._drawn else self._experts_per_frame

    @experts_per_frame.setter
    def experts_per_frame(self, value: int) -> None:
        self._experts_per_frame = value

    @property
    def num_choices(self) -> int:
        """Number of experts to which a frame may be routed."""
        return self.num_experts

    def use_experts(self, experts_per_frame: int) -> None:
        """Change the number K of experts per frame outside training.

        Raises:
            InputError: K is out of range.
        """
        if not 1 <= experts_per_frame <= self.num_choices:
            raise InputError(
                "the number of experts per frame must be between 1 and the number of experts to "
                f"which a frame may be routed ({self.num_choices}), but is {experts_per_frame}"
            )
        self.experts_per_frame = experts_per_frame

    @property
    def draws_experts(self) -> bool:
        """True if a training step may have another number of experts per frame than K."""
        return not {self._experts_per_frame}.issuperset(self.training_experts)

    def start_step(self, step: int) -> None:
        """Draw the number of experts per frame of a training step, from 1 on.

        The draw depends only on the step and the numbers. All processes, and all layers with the
        same numbers, thus draw the same one, and a resumed training draws what it would have drawn.
        """
        if self.draws_experts:
            self._drawn = random.Random(step).choice(sorted(self.training_experts))

    def use_most_experts(self) -> None:
        """Use the largest number of experts per frame in all training steps, to measure memory."""
        self._drawn = max(self.training_experts, default=self._experts_per_frame)
        self.training_experts = (self._drawn,)

    @classmethod
    def check(cls, config: "MoeConfig") -> None:
        """Raise `InputError` unless the router supports the settings; nothing is built yet."""
        weights = config.expert_weights if cls.learns else "full"
        for experts_per_frame in (min(config.training_experts), config.decoding_experts):
            check_selection(config.num_experts, experts_per_frame, "full")
        check_selection(config.num_experts, max(config.training_experts), weights)

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "Router":
        """Build the router of a layer.

        Args:
            config: Settings of the layer.
            stack: Shared settings of the encoder or decoder that contains the layer.

        Raises:
            InputError: The settings are incompatible.
        """
        raise not_defined(cls, "build")

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Select experts for N valid frames; see `Routing`."""
        raise not_defined(type(self), "forward")

    def route(self, x_ND: Tensor, valid: ValidFrames, context_NC: Tensor | None = None) -> Routing:
        """Select experts for the N valid frames of a batch by `forward`.

        Args:
            x_ND: The valid frames.
            valid: Their places in the batch.
            context_NC: Their router context, or None.
        """
        places = (valid,) if self.sees_future else ()
        routing = self(x_ND, context_NC, *places)
        if self.expert_of is None or self._num_layer_experts is None:
            return routing
        return merge_choices(routing, self.expert_of, self._num_layer_experts)

    def serve_layer(self, num_experts: int, are_merged: bool) -> None:
        """Note the number of experts of a layer, of which a shared router has several.

        If experts were merged (`moeasr.convert.merging`), the router continues to score its E
        experts. A checkpoint says which of them have become the same expert of the layer.

        Raises:
            InputError: Another layer of this router has another number of experts.
        """
        if self._num_layer_experts not in (None, num_experts):
            raise InputError(
                "layers that share a router must have the same number of experts, but have "
                f"{self._num_layer_experts} and {num_experts}"
            )
        self._num_layer_experts = num_experts
        if are_merged:
            self.expert_of = torch.arange(self.num_experts) % num_experts

    def with_labels(self, routing: Routing, label_weights_NL: Tensor) -> Routing:
        """Return a routing of this router that also follows the labels of the frames.

        Only routers with `can_be_taught` have this method. See
        `moeasr.moe.label_teaching.route_by_labels`.
        """
        raise not_defined(type(self), "with_labels")

    @property
    def weights_sum_to_one(self) -> bool:
        """True if the weights of the K experts of a frame always sum to 1; False if unknown.

        Only then does a mixture of identical experts compute the same as one of them.
        """
        return False

    @property
    def ignores_unused_experts(self) -> bool:
        """True if experts that a frame does not use could be removed without changing its routing.

        Then `rows_by_expert` must name everything that belongs to an expert.
        """
        return False

    @property
    def least_experts(self) -> int:
        """The smallest number of experts that the router can choose from."""
        return max((*self.training_experts, self.experts_per_frame))

    @property
    def has_gradient(self) -> bool:
        """True if the model's output has a gradient with respect to the router's parameters."""
        return self.learns

    @property
    def macs_per_frame(self) -> int | None:
        """Multiply-adds for one frame in evaluation; None if they are unknown."""
        return None

    def react(self, load: Tensor) -> None:
        """Adapt to the load of a training step; does nothing by default.

        Args:
            load: Number of assignments to each expert (E,) in the step, summed over all
                micro-batches and processes.
        """


def check_selection(
    num_experts: int, experts_per_frame: int, expert_weights: ExpertWeights
) -> None:
    """Raise `InputError` if K is out of range, or if the weights would give no gradient.

    With K = 1, `selected` weights are the softmax of a single logit, which is always 1 and has no
    gradient. `one` makes this explicit, for models of other toolkits that were trained in this way.
    """
    if not 1 <= experts_per_frame <= num_experts:
        raise InputError(
            f"`experts_per_frame` must be between 1 and the number of experts ({num_experts}), "
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
    """Route each frame to the K experts with the highest logits, and compute their weights w.

    All kinds of weights select the same experts:
    - `selected`: w is the softmax over the K selected logits and sums to 1 (U2++ MoE, arXiv
      2404.16407; Mixtral).
    - `full`: w is taken from the softmax over all E logits (SpeechMoE, arXiv 2105.03036, section
      3.1; Switch).
    - `one`: K = 1 and w = 1, which gives the router no gradient.
    """
    probs_NE = logits_NE.softmax(dim=-1)
    top_logits_NK, expert_ids_NK = logits_NE.topk(experts_per_frame, dim=-1)
    if expert_weights == "full":
        weights_NK = probs_NE.gather(1, expert_ids_NK)
    else:
        weights_NK = top_logits_NK.softmax(dim=-1)  # 1 for K = 1
    return Routing(expert_ids_NK, weights_NK, logits_NE, probs_NE)


def merge_choices(routing: Routing, expert_of: Tensor, num_merged: int) -> Routing:
    """Return a routing to merged experts, each with the mass of its members.

    The assignments of a frame keep their weights, so the weight of a merged expert is the sum of
    those of its selected members, w_m = sum of w_e. A frame may have several assignments to the
    same expert. Likewise, p_m = sum of p_e and r_m = log of the sum of exp r_e, over all members.

    Args:
        routing: The routing to E experts.
        expert_of: The merged expert of each of them, (E,).
        num_merged: Number N of merged experts, each with at least one member.
    """
    merged = torch.arange(num_merged, device=expert_of.device)
    is_other_NE = merged[:, None] != expert_of
    logits = routing.logits[:, None].masked_fill(is_other_NE, -torch.inf).logsumexp(dim=-1)
    probs = routing.probs[:, None].masked_fill(is_other_NE, 0.0).sum(dim=-1)
    return Routing(expert_of[routing.expert_ids], routing.expert_weights, logits, probs)


def new_router_weight(num_experts: int, num_inputs: int) -> nn.Parameter:
    """Return small random weights (E, num_inputs).

    Equal weights would give equal logits, and all frames would go to the experts with the lowest
    ids.
    """
    return nn.Parameter(torch.randn(num_experts, num_inputs) / math.sqrt(num_inputs))


def linear_scores(x: Tensor, weight: Tensor) -> Tensor:
    """Compute r = W x without bias, (N, inputs) -> (N, E).

    The product is computed in float32 or float64 even under autocast, because rounding to bfloat16
    would change the experts of frames whose best scores are close.
    """
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    with torch.autocast(x.device.type, enabled=False):
        return x.to(dtype) @ weight.to(dtype).T
