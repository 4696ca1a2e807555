"""Routers that learn nothing: what a learned one must beat to be worth its name."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from moeasr.moe.router import Router, check_selection
from moeasr.nn.routing import Routing

if TYPE_CHECKING:
    from moeasr.moe.layer import MoeConfig
    from moeasr.nn.feed_forward import Stack

NUM_BITS = 16  # signs of random projections that a frame's hash is made of
MIXER = 2654435761  # Knuth's multiplicative hash: neighbouring codes scatter over the experts


class HashRouter(Router):
    """A frame's experts are a fixed random function of the frame; weights are 1 / K.

    The counterpart for frames of Hash Layers (Roller et al., 2021, arXiv 2106.04426), which hash
    token ids: the signs of the frame's projections on random directions are its code
    (locality-sensitive hashing, so similar frames mostly meet the same expert).

    Args:
        d_model: D.
        num_experts: E.
        experts_per_frame: K.
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
        """See `Router`."""
        return cls(stack.d_model, config.num_experts, config.experts_per_frame)

    @property
    def weights_sum_to_one(self) -> bool:
        """K times 1 / K."""
        return True

    @property
    def macs_per_frame(self) -> int:
        """Those of the projections."""
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
        """(N, K): the hashed expert and those after it in the circle of experts."""
        offsets = torch.arange(self.experts_per_frame, device=first_N1.device)
        return (first_N1 + offsets) % self.num_experts


class RandomRouter(HashRouter):
    """In training every frame draws K experts anew; weights are 1 / K.

    So no expert can specialise (THOR, Zuo et al., 2022, arXiv 2110.04260). Evaluation must not
    draw: there a frame's experts are hashed, any of them being as good as another.
    """

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames."""
        if not self.training:
            return super().forward(x_ND)
        draws = torch.rand(x_ND.size(0), self.num_experts, device=x_ND.device)
        ids_NK = draws.topk(self.experts_per_frame, dim=1).indices
        return _evenly_weighted(ids_NK, self.num_experts, x_ND)


def _evenly_weighted(expert_ids_NK: Tensor, num_experts: int, x_ND: Tensor) -> Routing:
    """A routing by these ids: there are no scores, so all logits are 0."""
    dtype = torch.float64 if x_ND.dtype == torch.float64 else torch.float32
    weights_NK = torch.full(expert_ids_NK.shape, 1.0 / expert_ids_NK.size(1), dtype=dtype)
    logits_NE = torch.zeros(expert_ids_NK.size(0), num_experts, dtype=dtype)
    logits_NE, weights_NK = logits_NE.to(x_ND.device), weights_NK.to(x_ND.device)
    return Routing(expert_ids_NK, weights_NK, logits_NE, logits_NE.softmax(dim=-1))
