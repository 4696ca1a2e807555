"""Routers that learn: a linear layer scores the experts, and each frame takes the best K.

Every router is a module `(x_ND, context_NC | None) -> Routing` with `num_experts` and
`experts_per_frame`. A frame's experts depend on that frame (and its context) alone, whatever else
is in the batch: this is what lets a model with experts stream.
"""

import math
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.nn.routing import Routing

ExpertWeights = Literal["selected", "full", "one"]


class Router(Protocol):
    """The interface between an MoE layer and its router.

    A router may also have `macs_per_frame`, its multiply-adds for one frame in evaluation, which
    `moeasr profile` counts.
    """

    num_experts: int
    """E."""
    experts_per_frame: int
    """K."""

    def __call__(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Choose experts for N valid frames; see `Routing`."""
        ...


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


class TopKRouter(nn.Module):
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
        self.num_choices = num_experts  # experts that a frame may go to
        self.experts_per_frame = experts_per_frame
        self.expert_weights = expert_weights
        self.weight = new_router_weight(num_experts, d_model)

    @property
    def macs_per_frame(self) -> int:
        """Multiply-adds for one frame in evaluation."""
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

    def __init__(
        self,
        d_model: int,
        context_size: int,
        num_experts: int,
        experts_per_frame: int,
        expert_weights: ExpertWeights,
    ) -> None:
        super().__init__(context_size + d_model, num_experts, experts_per_frame, expert_weights)

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


class LanguageRouter(TopKRouter):
    """Every language has E / L experts of its own, and a frame the best K of its language's.

    Language-routed experts with the language known rather than guessed (LR-MoE, arXiv 2307.05956;
    DLG-MoE, arXiv 2407.18581, groups of experts by language). Expert ids l E/L to (l+1) E/L - 1
    are those of language l.

    Args:
        d_model: D.
        num_languages: L.
        num_experts: E, a multiple of L.
        experts_per_frame: K, at most E / L.
        expert_weights: See `select_top_k`; `full` means over all experts of the language.

    Raises:
        InputError: Experts cannot be divided evenly, or are fewer than K.
    """

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
                f"`num_experts` must be a multiple of the {num_languages} languages for "
                f"`router: language`, but is {num_experts}"
            )
        check_selection(num_experts // num_languages, experts_per_frame, expert_weights)
        super().__init__(d_model, num_experts, experts_per_frame, expert_weights)
        self.num_languages = num_languages
        self.num_choices = num_experts // num_languages

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames; context_NC is (N, L), 1 at each frame's language and 0 elsewhere."""
        if context_NC is None or context_NC.size(1) != self.num_languages:
            raise ValueError("the language router needs the language of each frame")
        own_NE = context_NC.repeat_interleave(self.num_experts // self.num_languages, dim=1) > 0.5
        logits_NE = linear_scores(x_ND, self.weight)
        # Far below every logit, yet finite: the losses multiply it by a probability of zero.
        logits_NE = torch.where(own_NE, logits_NE, logits_NE.new_tensor(-1e4))
        return select_top_k(logits_NE, self.experts_per_frame, self.expert_weights)
