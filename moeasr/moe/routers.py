"""Routers: which experts a frame goes to, and with what weight."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.nn.routing import Routing

ExpertWeights = Literal["selected", "full"]


def check_selection(
    num_experts: int, experts_per_frame: int, expert_weights: ExpertWeights
) -> None:
    """Refuse what cannot work: K out of range, or K = 1 with `selected` weights.

    The softmax of a single logit is 1 whatever the router says, so its gradient would be zero.
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


class TopKRouter(nn.Module):
    """A linear layer scores the experts and each frame takes the best K.

    r = W_g x. With `selected` weights w = softmax over the K chosen logits, so they sum to 1
    (U2++ MoE, arXiv 2404.16407; Mixtral). With `full` weights w = the chosen experts' share of
    the softmax over all E (SpeechMoE, arXiv 2105.03036, section 3.1; Switch). Both choose the
    same experts. No bias, no noise: a frame's experts depend on that frame alone.

    Args:
        d_model: D.
        num_experts: E.
        experts_per_frame: K.
        expert_weights: Over which experts the weights are normalised.

    Raises:
        InputError: The router could not learn, see `check_selection`.
    """

    def __init__(
        self, d_model: int, num_experts: int, experts_per_frame: int, expert_weights: ExpertWeights
    ) -> None:
        super().__init__()
        check_selection(num_experts, experts_per_frame, expert_weights)
        self.experts_per_frame = experts_per_frame
        self.expert_weights = expert_weights
        # Small and random: equal logits would send every frame to the lowest expert ids.
        self.weight = nn.Parameter(torch.empty(num_experts, d_model))
        nn.init.normal_(self.weight, std=1.0 / math.sqrt(d_model))

    def forward(self, x_ND: Tensor) -> Routing:
        """Route N frames.

        Scores and weights are computed in float32 (or float64) even under autocast: in bfloat16
        near-ties flip experts.
        """
        dtype = torch.float64 if x_ND.dtype == torch.float64 else torch.float32
        with torch.autocast(x_ND.device.type, enabled=False):
            logits_NE = x_ND.to(dtype) @ self.weight.to(dtype).T
            probs_NE = logits_NE.softmax(dim=-1)
            top_logits_NK, expert_ids_NK = logits_NE.topk(self.experts_per_frame, dim=-1)
            if self.expert_weights == "selected":
                weights_NK = top_logits_NK.softmax(dim=-1)
            else:
                weights_NK = probs_NE.gather(1, expert_ids_NK)
        return Routing(expert_ids_NK, weights_NK, logits_NE, probs_NE)
