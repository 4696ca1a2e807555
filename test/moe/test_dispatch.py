"""Dispatch and combine."""

import torch

from moeasr.moe.dispatch import combine, sort_by_expert


def test_rows_lie_together_by_expert_with_frames_in_order():
    ids = torch.tensor([[2, 0], [0, 1], [2, 1]])
    dispatch = sort_by_expert(ids, num_experts=4)
    assert dispatch.rows_per_expert == [2, 2, 2, 0]
    assert dispatch.frame_of_row.tolist() == [0, 1, 1, 2, 0, 2]


def test_dispatch_then_combine_with_weights_that_sum_to_one_is_identity():
    x = torch.randn(7, 3, dtype=torch.float64)
    ids = torch.stack([torch.randperm(5)[:2] for _ in range(7)])
    weights = torch.rand(7, 2, dtype=torch.float64)
    weights = weights / weights.sum(dim=1, keepdim=True)
    dispatch = sort_by_expert(ids, 5)
    back = combine(x[dispatch.frame_of_row], weights, dispatch.assignment_of_row)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-12)


def test_combine_puts_each_experts_output_at_its_frame():
    ids = torch.tensor([[1, 0], [0, 1]])
    weights = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    dispatch = sort_by_expert(ids, 2)
    expert_of_row = torch.tensor([0.0, 0.0, 1.0, 1.0])
    rows = (10 * expert_of_row + dispatch.frame_of_row)[:, None]
    assert combine(rows, weights, dispatch.assignment_of_row).flatten().tolist() == [2.5, 6.0]
