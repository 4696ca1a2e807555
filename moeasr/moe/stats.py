"""Statistics of expert usage for logs and reports, as pure functions of routings."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.nn.routing import Routing


def expert_load(routing: Routing) -> Tensor:
    """Return the number of assignments to each expert, (E,) float32."""
    # not bincount, which would wait for a GPU to learn the largest id
    ids = routing.expert_ids.flatten()
    load = torch.zeros(routing.num_experts, device=ids.device)
    return load.scatter_add(0, ids, torch.ones_like(ids, dtype=load.dtype))


def load_cv(load: Tensor) -> float:
    """Return the coefficient of variation of a load (E,): population standard deviation over mean.

    It ranges from 0 (balanced, or no load) to sqrt(E - 1) (all load on one expert).
    """
    return float(_shares(load).std(correction=0)) * load.numel()


def load_entropy(load: Tensor) -> float:
    """Return the entropy of a load (E,) divided by log E: 0 (one expert) to 1 (balanced)."""
    if load.numel() == 1:
        return 1.0  # a single expert is always balanced
    share = _shares(load)
    return float(torch.special.entr(share).sum()) / math.log(load.numel())


def load_max_share(load: Tensor) -> float:
    """Return E times the largest share of a load (E,): 1 (balanced) to E (all on one expert)."""
    return float(_shares(load).max()) * load.numel()


def dead_experts(load: Tensor) -> list[int]:
    """Return the experts with less than 1 / (4 E) of a load (E,), a quarter of the balanced share.

    The share refers to assignments, of which each frame has K. Without any load, all experts are
    dead.
    """
    return (_shares(load) < 1 / (4 * load.numel())).nonzero().flatten().tolist()


class LayerUsage(NamedTuple):
    """The expert usage of one MoE layer, summed over any number of batches."""

    name: str
    """Name of the layer."""
    load: Tensor
    """Number of assignments to each expert, (E,) int64."""
    experts_per_frame: int
    """Number K of experts per frame."""

    @classmethod
    def of(cls, name: str, routing: Routing) -> "LayerUsage":
        """Return the usage of one batch."""
        return cls(name, expert_load(routing).to(torch.int64), routing.expert_ids.size(1))

    def merged(self, other: "LayerUsage") -> "LayerUsage":
        """Return the sum of this usage and that of another batch in the same layer."""
        return self._replace(load=self.load + other.load)

    @property
    def num_experts(self) -> int:
        """Number E of experts."""
        return self.load.numel()

    @property
    def num_frames(self) -> int:
        """Number of routed valid frames; in a decoder, number of tokens."""
        return int(self.load.sum()) // self.experts_per_frame

    @property
    def relative_load(self) -> list[float]:
        """Share of the load of each expert times E; 1 is the balanced share."""
        return (_shares(self.load) * self.num_experts).tolist()


def usage_summary(loads: Sequence[Tensor]) -> dict[str, float]:
    """Summarise the loads of all MoE layers in three numbers.

    Args:
        loads: One load (E,) per layer, summed over any number of batches.

    Returns:
        - `load_entropy`: mean of `load_entropy` over the layers; 1 means balanced.
        - `load_max_share`: maximum of `load_max_share` over the layers; 1 means balanced.
        - `num_dead_experts`: number of `dead_experts` in all layers.
    """
    return {
        "load_entropy": sum(map(load_entropy, loads)) / len(loads),
        "load_max_share": max(map(load_max_share, loads)),
        "num_dead_experts": float(sum(len(dead_experts(load)) for load in loads)),
    }


def _shares(load: Tensor) -> Tensor:
    """Return float64 shares (E,) that sum to 1, or zeros if there is no load."""
    load = load.to(torch.float64)
    return load / load.sum().clamp(min=1)
