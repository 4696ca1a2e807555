"""Routers without learned parameters, as baselines that a learned router must beat."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from moeasr.moe.router import Router, check_selection
from moeasr.nn.routing import Routing

if TYPE_CHECKING:
    from moeasr.moe.layer import MoeConfig
    from moeasr.nn.feed_forward import Stack

NUM_BITS = 16  # number of random projections whose signs form the hash of a frame
MIXER = 2654435761  # Knuth's multiplicative hash, which scatters similar codes over the experts


class HashRouter(Router):
    """A router whose choice is a fixed random function of the frame; all weights are 1 / K.

    It adapts Hash Layers (Roller et al., 2021, arXiv 2106.04426), which hash token ids, to frames.
    The hash code of a frame consists of the signs of its projections on random directions. This is
    locality-sensitive hashing, so similar frames are mostly routed to the same expert.

    Args:
        d_model: Model width D.
        num_experts: Number E of experts.
        experts_per_frame: Number K of experts per frame.
    """

    learns = False

    def __init__(self, d_model: int, num_experts: int, experts_per_frame: int) -> None:
        super().__init__()
        check_selection(num_experts, experts_per_frame, "full")
        self.num_experts = num_experts
        self.experts_per_frame = experts_per_frame
        self.register_buffer("directions", torch.randn(d_model, NUM_BITS))

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "HashRouter":
        """Build the router of a layer, see `Router.build`."""
        return cls(stack.d_model, config.num_experts, max(config.training_experts))

    @property
    def weights_sum_to_one(self) -> bool:
        """True, because the K weights are 1 / K each."""
        return True

    @property
    def macs_per_frame(self) -> int:
        """Multiply-adds of the projections."""
        return self.directions.numel()

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames."""
        with torch.no_grad(), torch.autocast(x_ND.device.type, enabled=False):
            dtype = self.directions.dtype
            bits = (x_ND.detach().to(dtype) @ self.directions > 0).long()
            place = 2 ** torch.arange(NUM_BITS, device=x_ND.device)
            first_N1 = ((bits * place).sum(dim=1, keepdim=True) * MIXER % 2**32) >> 16
        return _evenly_weighted(self._neighbours(first_N1), self.num_experts, x_ND)

    def _neighbours(self, first_N1: Tensor) -> Tensor:
        """Return the hashed expert of each frame and the next K - 1 experts, modulo E, (N, K)."""
        offsets = torch.arange(self.experts_per_frame, device=first_N1.device)
        return (first_N1 + offsets) % self.num_experts


class RandomRouter(HashRouter):
    """A router that draws K random experts for every frame in training; all weights are 1 / K.

    No expert can specialise (THOR, Zuo et al., 2022, arXiv 2110.04260). Evaluation must be
    deterministic, so there the experts are hashed as in `HashRouter`. All experts are equally good.
    """

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames."""
        if not self.training:
            return super().forward(x_ND)
        draws = torch.rand(x_ND.size(0), self.num_experts, device=x_ND.device)
        ids_NK = draws.topk(self.experts_per_frame, dim=1).indices
        return _evenly_weighted(ids_NK, self.num_experts, x_ND)


def _evenly_weighted(expert_ids_NK: Tensor, num_experts: int, x_ND: Tensor) -> Routing:
    """Return a routing to the given experts with equal weights; all logits are 0."""
    dtype = torch.float64 if x_ND.dtype == torch.float64 else torch.float32
    weights_NK = torch.full(expert_ids_NK.shape, 1.0 / expert_ids_NK.size(1), dtype=dtype)
    logits_NE = torch.zeros(expert_ids_NK.size(0), num_experts, dtype=dtype)
    logits_NE, weights_NK = logits_NE.to(x_ND.device), weights_NK.to(x_ND.device)
    return Routing(expert_ids_NK, weights_NK, logits_NE, logits_NE.softmax(dim=-1))
