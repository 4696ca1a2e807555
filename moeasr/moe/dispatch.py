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


def combine(rows_RD: Tensor, expert_weights_NK: Tensor, dispatch: Dispatch) -> Tensor:
    """Weight each expert's rows and add them up at their frames.

    Args:
        rows_RD: (N*K, D) expert outputs in sorted order.
        expert_weights_NK: The router's weights.
        dispatch: How the rows were sorted.

    Returns:
        (N, D).
    """
    weights_R = expert_weights_NK.flatten()[dispatch.assignment_of_row].to(rows_RD.dtype)
    return sum_over_assignments(rows_RD * weights_R[:, None], len(expert_weights_NK), dispatch)


def sum_over_assignments(rows_RD: Tensor, num_frames: int, dispatch: Dispatch) -> Tensor:
    """Bring rows back to their N frames, adding up the K of each: (N*K, D) -> (N, D).

    Undoing the sort and summing over K is deterministic, and on a CPU faster than index_add.
    """
    unsorted = torch.empty_like(dispatch.assignment_of_row)
    unsorted[dispatch.assignment_of_row] = torch.arange(
        unsorted.numel(), device=unsorted.device, dtype=unsorted.dtype
    )
    num_choices = max(unsorted.numel() // max(num_frames, 1), 1)
    return rows_RD[unsorted].unflatten(0, (num_frames, num_choices)).sum(dim=1)
