"""Expert usage."""

import torch

from moeasr.moe.stats import expert_load, usage_summary
from moeasr.nn.routing import Routing


def test_load_counts_assignments_of_each_expert():
    ids = torch.tensor([[0, 2], [2, 3], [2, 0]])
    empty = torch.zeros(3, 5)
    assert expert_load(Routing(ids, empty, empty, empty)).tolist() == [2, 0, 3, 1, 0]


def test_summary_of_a_balanced_and_a_collapsed_layer():
    balanced = torch.tensor([10.0, 10.0, 10.0, 10.0])
    assert usage_summary([balanced]) == {
        "load_entropy": 1.0,
        "load_max_share": 1.0,
        "num_dead_experts": 0.0,
    }
    collapsed = torch.tensor([40.0, 0.0, 0.0, 0.0])
    summary = usage_summary([balanced, collapsed])
    assert abs(summary["load_entropy"] - 0.5) < 1e-6
    assert summary["load_max_share"] == 4.0 and summary["num_dead_experts"] == 3.0
