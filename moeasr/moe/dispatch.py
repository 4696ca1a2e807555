"""Sorting of frames by expert, and combination of the experts' outputs."""

from typing import NamedTuple

import torch
from torch import Tensor


class Dispatch(NamedTuple):
    """The N*K assignments of frames to experts, sorted by expert."""

    frame_of_row: Tensor
    """Index of the frame of each sorted row, (N*K,) int64."""
    assignment_of_row: Tensor
    """Index of each sorted row in the flattened (N, K) routing, (N*K,) int64."""
    rows_per_expert: list[int]
    """Number of rows of each of the E experts; they sum to N*K."""


def sort_by_expert(expert_ids_NK: Tensor, num_experts: int) -> Dispatch:
    """Sort all assignments by expert; the rows of one expert stay in the order of their frames."""
    flat = expert_ids_NK.flatten()
    order = flat.argsort(stable=True)
    counts = torch.bincount(flat, minlength=num_experts)
    return Dispatch(order // expert_ids_NK.size(1), order, counts.tolist())


def combine(rows_RD: Tensor, expert_weights_NK: Tensor, assignment_of_row: Tensor) -> Tensor:
    """Compute the weighted sum of the expert outputs of each frame.

    Args:
        rows_RD: Expert outputs in sorted order, (N*K, D).
        expert_weights_NK: Weights from the router.
        assignment_of_row: Order of the rows, see `Dispatch`.

    Returns:
        The sums, (N, D).
    """
    rows_NKD = rows_of_frames(rows_RD, *expert_weights_NK.shape, assignment_of_row)
    return (expert_weights_NK.to(rows_RD.dtype)[:, None] @ rows_NKD).squeeze(1)


def rows_of_frames(
    rows_RD: Tensor, num_frames: int, num_choices: int, assignment_of_row: Tensor
) -> Tensor:
    """Return sorted rows to the order of their frames, (N*K, D) -> (N, K, D).

    The callers then sum over K. On a GPU, this gives the same result in every run, whereas adding
    rows directly to their frames may not.
    """
    rows_RD = rows_RD.index_select(0, assignment_of_row.argsort())
    return rows_RD.view(num_frames, num_choices, rows_RD.size(1))
