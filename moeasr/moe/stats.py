"""How experts are used: pure functions of routings, for logs and reports."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.nn.routing import Routing


def expert_load(routing: Routing) -> Tensor:
    """(E,) float32: how many assignments each expert got."""
    counts = torch.bincount(routing.expert_ids.flatten(), minlength=routing.num_experts)
    return counts.to(torch.float32)


def load_cv(load: Tensor) -> float:
    """Coefficient of variation of a load (E,): its population standard deviation over its mean.

    From 0 (balanced, or no load at all) to sqrt(E - 1) (all of it on one expert).
    """
    return float(_shares(load).std(correction=0)) * load.numel()


def load_entropy(load: Tensor) -> float:
    """Entropy of a load (E,) over log E: from 0 (all of it on one expert) to 1 (balanced)."""
    if load.numel() == 1:
        return 1.0  # a single expert cannot be unbalanced
    share = _shares(load)
    return float(torch.special.entr(share).sum()) / math.log(load.numel())


def load_max_share(load: Tensor) -> float:
    """The largest share of a load (E,), times E: from 1 (balanced) to E (all on one expert)."""
    return float(_shares(load).max()) * load.numel()


def dead_experts(load: Tensor) -> list[int]:
    """The experts with less than 1 / (4 E) of a load (E,): a quarter of their fair part.

    Of K experts per frame the share is that of the assignments, K for each frame. With no load at
    all every expert is dead.
    """
    return (_shares(load) < 1 / (4 * load.numel())).nonzero().flatten().tolist()


class LayerUsage(NamedTuple):
    """How one MoE layer used its experts, over as many batches as one likes."""

    name: str
    """Of the layer."""
    load: Tensor
    """(E,) int64: assignments to each expert."""
    experts_per_frame: int
    """K."""

    @classmethod
    def of(cls, name: str, routing: Routing) -> "LayerUsage":
        """What one batch did."""
        return cls(name, expert_load(routing).to(torch.int64), routing.expert_ids.size(1))

    def merged(self, other: "LayerUsage") -> "LayerUsage":
        """This and what another batch did in the same layer."""
        return self._replace(load=self.load + other.load)

    @property
    def num_experts(self) -> int:
        """E."""
        return self.load.numel()

    @property
    def num_frames(self) -> int:
        """Valid frames that were routed; in a decoder, tokens."""
        return int(self.load.sum()) // self.experts_per_frame

    @property
    def relative_load(self) -> list[float]:
        """Each expert's share of the load, times E: 1 is its fair part."""
        return (_shares(self.load) * self.num_experts).tolist()


def usage_summary(loads: Sequence[Tensor]) -> dict[str, float]:
    """What the loads of all MoE layers say about the health of routing.

    Args:
        loads: One (E,) count per layer, summed over as many batches as one likes.

    Returns:
        `load_entropy`: mean over layers of `load_entropy`, 1 = balanced;
        `load_max_share`: the largest `load_max_share` of any layer, 1 = balanced;
        `num_dead_experts`: the `dead_experts` of all layers.
    """
    return {
        "load_entropy": sum(map(load_entropy, loads)) / len(loads),
        "load_max_share": max(map(load_max_share, loads)),
        "num_dead_experts": float(sum(len(dead_experts(load)) for load in loads)),
    }


def _shares(load: Tensor) -> Tensor:
    """(E,) float64 shares that sum to 1, or zeros where there is no load."""
    load = load.to(torch.float64)
    return load / load.sum().clamp(min=1)
