"""A bank of experts for inference on a CPU: each expert two packed layers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.moe.dispatch import combine, sort_by_expert
from moeasr.moe.experts import ExpertBank
from moeasr.nn.packed_linear import PackedLinear
from moeasr.nn.routing import Routing


class PackedExperts(nn.Module):
    """What an `ExpertBank` computes in evaluation, with packed or quantised weights.

    Routing and the sum over a frame's experts stay in float32: which experts a frame meets does not
    change with the precision of this layer.

    Args:
        bank: Whose weights are packed.
        precision: One of `moeasr.nn.packed_linear.PRECISIONS`.
    """

    def __init__(self, bank: ExpertBank, precision: str) -> None:
        super().__init__()
        self.num_experts = bank.num_experts
        self._activation = None if bank.activation is F.silu else bank.activation
        with_silu = self._activation is None
        self.w1 = nn.ModuleList(
            PackedLinear(w1, b1, precision, with_silu) for w1, b1, _, _ in bank.weights()
        )
        self.w2 = nn.ModuleList(PackedLinear(w2, b2, precision) for _, _, w2, b2 in bank.weights())

    def forward(self, x_ND: Tensor, routing: Routing) -> Tensor:
        """The weighted sum of each frame's experts, (N, D)."""
        dispatch = sort_by_expert(routing.expert_ids, self.num_experts)
        slices = x_ND[dispatch.frame_of_row].split(dispatch.rows_per_expert)
        rows = [self._run(expert, x) for expert, x in enumerate(slices) if x.size(0)]
        rows_RD = torch.cat(rows) if rows else x_ND[:0]
        return combine(rows_RD, routing.expert_weights, dispatch)

    def _run(self, expert: int, x: Tensor) -> Tensor:
        hidden = self.w1[expert](x)
        if self._activation is not None:
            hidden = self._activation(hidden)
        return self.w2[expert](hidden)
