"""A bank of experts for inference on a CPU, in which each expert consists of two packed layers."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.moe.dispatch import combine, sort_by_expert
from moeasr.moe.experts import ExpertBank
from moeasr.nn.feed_forward import Activation
from moeasr.nn.linear_kernels import Kernel
from moeasr.nn.packed_linear import make_kernel
from moeasr.nn.routing import Routing
from moeasr.nn.valid_frames import ValidFrames


class PackedExperts(nn.Module):
    """An `ExpertBank` for evaluation with packed or quantised weights.

    Routing and the sum over the experts of a frame are computed in float32. The precision of this
    layer therefore does not change the experts of a frame.

    Args:
        bank: The bank whose weights are packed.
        precision: One of `moeasr.nn.packed_linear.PRECISIONS`.
    """

    def __init__(self, bank: ExpertBank, precision: str) -> None:
        super().__init__()
        self.num_experts = bank.num_experts
        activation = None if bank.activation is F.silu else bank.activation
        self._experts = [
            _Expert(
                make_kernel(w1, b1, precision, activation is None, has_few_rows=True),
                activation,
                make_kernel(w2, b2, precision, has_few_rows=True),
            )
            for w1, b1, w2, b2 in bank.weights()
        ]

    def forward(self, x_ND: Tensor, routing: Routing, valid: ValidFrames | None = None) -> Tensor:
        """Compute the weighted sum of the experts of each frame, (N, D); `valid` is not used."""
        dispatch = sort_by_expert(routing.expert_ids, self.num_experts)
        slices = x_ND.index_select(0, dispatch.frame_of_row).split(dispatch.rows_per_expert)
        rows = [expert(x) for expert, x in zip(self._experts, slices) if x.size(0)]
        rows_RD = torch.cat(rows) if rows else x_ND[:0]
        return combine(rows_RD, routing.expert_weights, dispatch.assignment_of_row)


class _Expert(NamedTuple):
    """One expert; calling modules instead of kernels would cost as much as a small product."""

    up: Kernel
    activation: Activation | None
    """Activation function after `up`; None if the kernel includes it."""
    down: Kernel

    def __call__(self, x_RD: Tensor) -> Tensor:
        hidden_RM = self.up(x_RD)
        if self.activation is not None:
            hidden_RM = self.activation(hidden_RM)
        return self.down(hidden_RM)
