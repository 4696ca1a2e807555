"""How experts are used: pure functions of routings, for logs and reports."""

from collections.abc import Sequence

import torch
from torch import Tensor

from moeasr.nn.routing import Routing


def expert_load(routing: Routing) -> Tensor:
    """(E,) float32: how many assignments each expert got."""
    counts = torch.bincount(routing.expert_ids.flatten(), minlength=routing.num_experts)
    return counts.to(torch.float32)


def usage_summary(loads: Sequence[Tensor]) -> dict[str, float]:
    """What the loads of all MoE layers say about the health of routing.

    Args:
        loads: One (E,) count per layer, summed over as many batches as one likes.

    Returns:
        `load_entropy`: mean over layers of the load's entropy over log E, 1 = balanced;
        `load_max_share`: the largest share of any expert in any layer, times E, 1 = balanced;
        `num_dead_experts`: experts with less than 1 / (4 E) of their layer's assignments.
    """
    entropies, max_shares, num_dead = [], [], 0
    for load in loads:
        share = load / load.sum().clamp(min=1)
        entropy = -(share * share.clamp(min=1e-12).log()).sum()
        num_experts = load.numel()
        entropies.append(float(entropy / torch.tensor(float(num_experts)).log().clamp(min=1e-12)))
        max_shares.append(float(share.max() * num_experts))
        num_dead += int((share < 1 / (4 * num_experts)).sum())
    return {
        "load_entropy": sum(entropies) / len(entropies),
        "load_max_share": max(max_shares),
        "num_dead_experts": float(num_dead),
    }
