"""Bringing frames to their experts and back."""

from typing import NamedTuple

import torch
from torch import Tensor


class Dispatch(NamedTuple):
    """The N*K assignments of frames to experts, put in order of experts."""

    frame_of_row: Tensor
    """(N*K,) int64: which frame each sorted row is."""
    assignment_of_row: Tensor
    """(N*K,) int64: which entry of the flattened (N, K) routing each sorted row is."""
    rows_per_expert: list[int]
    """E numbers that sum to N*K."""


def sort_by_expert(expert_ids_NK: Tensor, num_experts: int) -> Dispatch:
    """Sort all assignments so that each expert's rows lie together, frames in order within it."""
    flat = expert_ids_NK.flatten()
    order = flat.argsort(stable=True)
    counts = torch.bincount(flat, minlength=num_experts)
    return Dispatch(order // expert_ids_NK.size(1), order, counts.tolist())


def combine(rows_RD: Tensor, expert_weights_NK: Tensor, assignment_of_row: Tensor) -> Tensor:
    """Weight each expert's rows and add them up at their frames.

    Args:
        rows_RD: (N*K, D) expert outputs in sorted order.
        expert_weights_NK: The router's weights.
        assignment_of_row: How the rows were sorted, see `Dispatch`.

    Returns:
        (N, D).
    """
    rows_NKD = rows_of_frames(rows_RD, *expert_weights_NK.shape, assignment_of_row)
    return (expert_weights_NK.to(rows_RD.dtype)[:, None] @ rows_NKD).squeeze(1)


def rows_of_frames(
    rows_RD: Tensor, num_frames: int, num_choices: int, assignment_of_row: Tensor
) -> Tensor:
    """Bring sorted rows back to their frames: (N*K, D) -> (N, K, D).

    Undoing the sort and summing over K, as the callers do, gives the same sums each time; adding
    rows up where they belong need not do so on a GPU.
    """
    rows_RD = rows_RD.index_select(0, assignment_of_row.argsort())
    return rows_RD.view(num_frames, num_choices, rows_RD.size(1))
