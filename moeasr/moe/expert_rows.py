"""All experts on their sorted rows as one autograd function, which saves memory in training.

By default, autograd stores for each expert its gathered inputs and the hidden layer before and
after activation and dropout. It also concatenates the gradients of the stacked weights from pieces.
This function stores only the frames and the hidden layer before its activation. It recomputes the
rest in the backward pass without a matrix product, and writes gradients directly into their place.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

from moeasr.moe.dispatch import Dispatch, rows_of_frames
from moeasr.nn.dropout import draw_kept


class ExpertRows(torch.autograd.Function):
    """An autograd function that runs all experts on their rows.

    y_r = W2_e dropout(silu(W1_e x_n + b1_e)) + b2_e for row r, which is frame n at expert e.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x_ND: Tensor,
        w1: Tensor,
        b1: Tensor,
        w2: Tensor,
        b2: Tensor,
        dispatch: Dispatch,
        kept_RM: Tensor | None,
        gain: float,
    ) -> Tensor:
        """Run the experts.

        Args:
            ctx: Storage for the backward pass.
            x_ND: Frames.
            w1: (E, M, D).
            b1: (E, M).
            w2: (E, D, M).
            b2: (E, D).
            dispatch: The frame of each row and the number of rows of each expert.
            kept_RM: Dropout mask of the hidden units, uint8 with 0 for dropped ones, or None.
            gain: Factor by which dropout multiplies the kept hidden units.

        Returns:
            The output rows (R, D) in the order of the dispatch.
        """
        x_RD = x_ND.index_select(0, dispatch.frame_of_row)
        hidden_RM = x_ND.new_empty(x_RD.size(0), w1.size(1))
        y_RD = torch.empty_like(x_RD)
        for expert, rows in _slices(dispatch):
            torch.addmm(b1[expert], x_RD[rows], w1[expert].T, out=hidden_RM[rows])
            active = F.silu(hidden_RM[rows])
            if kept_RM is not None:
                active *= kept_RM[rows]
            torch.addmm(b2[expert], active, w2[expert].T, alpha=gain, out=y_RD[rows])
        ctx.save_for_backward(x_ND, w1, w2, hidden_RM, kept_RM)
        ctx.dispatch, ctx.gain = dispatch, gain
        return y_RD

    @staticmethod
    def backward(ctx: FunctionCtx, grad_RD: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of x_ND, w1, b1, w2 and b2."""
        x_ND, w1, w2, hidden_RM, kept_RM = ctx.saved_tensors
        dispatch, gain = ctx.dispatch, ctx.gain
        x_RD = x_ND.index_select(0, dispatch.frame_of_row)
        grad_x_RD = torch.empty_like(x_RD)
        grad_w1, grad_w2 = torch.empty_like(w1), torch.empty_like(w2)
        grad_b1, grad_b2 = w1.new_empty(w1.shape[:2]), w2.new_empty(w2.shape[:2])
        for expert, count in enumerate(dispatch.rows_per_expert):
            if count == 0:
                for gradient in (grad_w1, grad_b1, grad_w2, grad_b2):
                    gradient[expert] = 0.0
        for expert, rows in _slices(dispatch):
            hidden, grad = hidden_RM[rows], grad_RD[rows]
            active, grad_active = F.silu(hidden), _product(grad, w2[expert], gain)
            if kept_RM is not None:
                active *= kept_RM[rows]
                grad_active *= kept_RM[rows]
            grad_hidden = torch.ops.aten.silu_backward(grad_active, hidden)
            torch.addmm(grad_w2[expert], grad.T, active, beta=0, alpha=gain, out=grad_w2[expert])
            torch.sum(grad, dim=0, out=grad_b2[expert])
            torch.mm(grad_hidden.T, x_RD[rows], out=grad_w1[expert])
            torch.sum(grad_hidden, dim=0, out=grad_b1[expert])
            torch.mm(grad_hidden, w1[expert], out=grad_x_RD[rows])
        num_frames = x_ND.size(0)
        num_choices = len(grad_x_RD) // max(num_frames, 1)
        grad_x = rows_of_frames(grad_x_RD, num_frames, num_choices, dispatch.assignment_of_row).sum(
            dim=1
        )
        return grad_x, grad_w1, grad_b1, grad_w2, grad_b2, None, None, None


def run_expert_rows(
    x_ND: Tensor, weights: tuple[Tensor, Tensor, Tensor, Tensor], dispatch: Dispatch, dropout: float
) -> Tensor:
    """Run `ExpertRows` in the precision that autocast selects.

    Args:
        x_ND: Frames.
        weights: Stacked weights w1, b1, w2, b2 of all experts.
        dispatch: The frame of each row and the number of rows of each expert.
        dropout: Dropout rate of the hidden layer.

    Returns:
        The output rows (R, D) in the order of the dispatch.
    """
    dtype = x_ND.dtype
    if torch.is_autocast_enabled(x_ND.device.type):
        dtype = torch.get_autocast_dtype(x_ND.device.type)
    kept_RM, gain = None, 1.0
    if dropout > 0:
        shape = (dispatch.frame_of_row.numel(), weights[0].size(1))
        kept_RM = draw_kept(shape, dropout, x_ND.device)
        gain = 1 / (1 - dropout) if dropout < 1 else 0.0
    with torch.autocast(x_ND.device.type, enabled=False):
        cast = [weight.to(dtype) for weight in weights]
        return ExpertRows.apply(x_ND.to(dtype), *cast, dispatch, kept_RM, gain)


def _product(left: Tensor, right: Tensor, gain: float) -> Tensor:
    """Compute gain * left @ right in one operation."""
    out = left.new_empty(left.size(0), right.size(1))
    return torch.addmm(out, left, right, beta=0, alpha=gain, out=out)


def _slices(dispatch: Dispatch) -> list[tuple[int, slice]]:
    """Return each expert that has rows, with the slice of its rows."""
    found, first = [], 0
    for expert, count in enumerate(dispatch.rows_per_expert):
        if count:
            found.append((expert, slice(first, first + count)))
        first += count
    return found
