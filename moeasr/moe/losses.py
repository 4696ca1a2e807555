"""Routing losses: pure functions of a Routing, each a mean over its valid frames.

All of them are blind to padding, because a Routing has no row for it. With several processes or
accumulated micro-batches each is computed per micro-batch: balance is asked of every micro-batch.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from moeasr.nn.routing import Routing


def sparsity_l1_loss(routing: Routing) -> Tensor:
    """L_s = (1/N) sum_n || p_n / ||p_n||_2 ||_1 (SpeechMoE, arXiv 2105.03036, section 3.3).

    From 1 (each frame sure of one expert) to sqrt(E) (undecided).
    """
    probs = routing.probs
    return (probs / probs.norm(dim=-1, keepdim=True)).sum(dim=-1).mean()


def mean_importance_loss(routing: Routing) -> Tensor:
    """L_m = E sum_j ((1/N) sum_n p_nj)^2 (SpeechMoE, arXiv 2105.03036, section 3.3).

    From 1 (experts equally important on average) to E (all weight on one).
    """
    return routing.num_experts * routing.probs.mean(dim=0).square().sum()


def switch_balance_loss(routing: Routing) -> Tensor:
    """E sum_j f_j P_j: share of assignments times mean probability (Switch, 2101.03961, eq. 4).

    1 when balanced; the gradient flows through the probabilities only.
    """
    counts = torch.bincount(routing.expert_ids.flatten(), minlength=routing.num_experts)
    share = counts / routing.expert_ids.numel()
    return routing.num_experts * (share * routing.probs.mean(dim=0)).sum()


def z_loss(routing: Routing) -> Tensor:
    """(1/N) sum_n logsumexp(r_n)^2: keeps router logits small (ST-MoE, 2202.08906, eq. 5)."""
    return routing.logits.logsumexp(dim=-1).square().mean()


ROUTING_LOSSES: dict[str, Callable[[Routing], Tensor]] = {
    "sparsity_l1": sparsity_l1_loss,
    "mean_importance": mean_importance_loss,
    "switch_balance": switch_balance_loss,
    "z": z_loss,
}
