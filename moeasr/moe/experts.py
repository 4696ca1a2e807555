"""Banks of experts (E feed-forwards of the same shape) and the kernels that run them."""

import math
from collections.abc import Callable
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.moe.dispatch import combine, sort_by_expert
from moeasr.moe.every_expert import is_cheap, run_every_expert
from moeasr.moe.expert_rows import run_expert_rows
from moeasr.moe.grouped_experts import groups_products, run_grouped
from moeasr.nn.feed_forward import Activation
from moeasr.nn.routing import Routing
from moeasr.nn.valid_frames import ValidFrames


class ExpertBank(nn.Module):
    """A bank of E experts y = W2 dropout(activation(W1 x + b1)) + b2 with stacked weights.

    Args:
        d_model: Model width D.
        hidden_units: Width M of the hidden layer of each expert.
        num_experts: Number E of experts.
        dropout: Dropout rate of the hidden layer.
        kernel: Function that runs the bank, one of `EXPERT_KERNELS`. All of them compute equal
            values and gradients.
        activation: One of `moeasr.nn.feed_forward.ACTIVATIONS`.
    """

    casts_weights: ClassVar[bool] = True
    """True if autocast rounds all parameters before use, so that they may be sent rounded."""

    def __init__(
        self,
        d_model: int,
        hidden_units: int,
        num_experts: int,
        dropout: float,
        kernel: Callable[["ExpertBank", Tensor, Routing], Tensor],
        activation: Activation = F.silu,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.kernel = kernel
        self.activation = activation
        self.w1 = nn.Parameter(torch.empty(num_experts, hidden_units, d_model))
        self.b1 = nn.Parameter(torch.empty(num_experts, hidden_units))
        self.w2 = nn.Parameter(torch.empty(num_experts, d_model, hidden_units))
        self.b2 = nn.Parameter(torch.empty(num_experts, d_model))
        # Each expert is initialised like nn.Linear: uniform within 1 / sqrt(inputs).
        for parameter, num_inputs in (
            (self.w1, d_model),
            (self.b1, d_model),
            (self.w2, hidden_units),
            (self.b2, hidden_units),
        ):
            nn.init.uniform_(parameter, -1 / math.sqrt(num_inputs), 1 / math.sqrt(num_inputs))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number E of experts, hidden width M, and model width D."""
        return self.b1.size(0), self.b1.size(1), self.b2.size(1)

    @property
    def stacked(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The stacked weights w1 (E, M, D), b1 (E, M), w2 (E, D, M), b2 (E, D)."""
        return self.w1, self.b1, self.w2, self.b2

    @property
    def active_dropout(self) -> float:
        """Dropout rate of the hidden layer; 0 unless the bank is being trained."""
        return self.dropout if self.training else 0.0

    @property
    def num_experts(self) -> int:
        """Number E of experts."""
        return self.b1.size(0)  # each access to a weight with a low-rank update computes it

    def no_weight_decay(self) -> list[nn.Parameter]:
        """Return the biases.

        They are matrices, with one vector per expert, and would be decayed like weights otherwise.
        """
        return [self.b1, self.b2]

    def forward(self, x_ND: Tensor, routing: Routing, valid: ValidFrames | None = None) -> Tensor:
        """Compute the weighted sum of the experts of each frame, (N, D); `valid` is not used."""
        return self.kernel(self, x_ND, routing)

    def weights(self) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Return the weights (w1, b1, w2, b2) of each expert.

        Each parameter is unbound once. If it were indexed in a loop, autograd would allocate a
        gradient of the size of the whole stack for every expert.
        """
        return list(
            zip(
                self.w1.unbind(0),
                self.b1.unbind(0),
                self.w2.unbind(0),
                self.b2.unbind(0),
                strict=True,
            )
        )

    def run_expert(self, weights: tuple[Tensor, Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        """Run one expert on its rows, (R, D) -> (R, D)."""
        w1, b1, w2, b2 = weights
        hidden = F.dropout(self.activation(F.linear(x, w1, b1)), self.dropout, self.training)
        return F.linear(hidden, w2, b2)


def loop_kernel(bank: ExpertBank, x_ND: Tensor, routing: Routing) -> Tensor:
    """Run the experts one by one; this is the reference for the other kernels."""
    y_ND = torch.zeros_like(x_ND)
    for expert, weights in enumerate(bank.weights()):
        frame, choice = torch.where(routing.expert_ids == expert)
        out = bank.run_expert(weights, x_ND[frame])
        weight = routing.expert_weights[frame, choice].to(out.dtype)
        y_ND = y_ND.index_add(0, frame, (out * weight[:, None]).to(y_ND.dtype))
    return y_ND


def sorted_kernel(bank: ExpertBank, x_ND: Tensor, routing: Routing) -> Tensor:
    """Sort the assignments by expert, run each expert on its slice, and restore the order.

    If gradients are needed, all experts form one autograd function (`moeasr.moe.expert_rows`),
    which stores less for the backward pass. An expert without frames gets a gradient of zeros, on
    every process.
    """
    dispatch = sort_by_expert(routing.expert_ids, bank.num_experts)
    if torch.is_grad_enabled() and bank.activation is F.silu:
        rows_RD = run_expert_rows(x_ND, bank.stacked, dispatch, bank.active_dropout)
    else:
        slices = x_ND.index_select(0, dispatch.frame_of_row).split(dispatch.rows_per_expert)
        rows_RD = torch.cat([bank.run_expert(w, x) for w, x in zip(bank.weights(), slices)])
    return combine(rows_RD, routing.expert_weights, dispatch.assignment_of_row).to(x_ND.dtype)


def grouped_kernel(bank: ExpertBank, x_ND: Tensor, routing: Routing) -> Tensor:
    """Run all experts by two grouped matrix products, or by `sorted_kernel` if unavailable.

    The grouped products need bfloat16 autocast on a GPU of compute capability 9.0 or higher.
    """
    if not groups_products(x_ND, bank.shape):
        return sorted_kernel(bank, x_ND, routing)
    y_ND = run_grouped(x_ND, bank.stacked, routing, bank.activation, bank.active_dropout)
    return y_ND.to(x_ND.dtype)


def every_kernel(bank: ExpertBank, x_ND: Tensor, routing: Routing) -> Tensor:
    """Run every expert on every frame by two products, and weigh the outputs (0 if not selected).

    It computes E / K times as much as needed, but neither sorts nor makes the host wait.
    """
    y_ND = run_every_expert(x_ND, bank.stacked, routing, bank.activation, bank.active_dropout)
    return y_ND.to(x_ND.dtype)


def auto_kernel(bank: ExpertBank, x_ND: Tensor, routing: Routing) -> Tensor:
    """Choose a kernel by the device and the sizes: `sorted` on a CPU.

    On a GPU it is `every` if the products are so small that starting them takes longer than they
    do, else `grouped`.
    """
    if not x_ND.is_cuda:
        return sorted_kernel(bank, x_ND, routing)
    kernel = every_kernel if is_cheap(len(x_ND), bank.shape) else grouped_kernel
    return kernel(bank, x_ND, routing)


EXPERT_KERNELS: dict[str, Callable[[ExpertBank, Tensor, Routing], Tensor]] = {
    "auto": auto_kernel,
    "loop": loop_kernel,
    "sorted": sorted_kernel,
    "grouped": grouped_kernel,
    "every": every_kernel,
}
