"""Expert usage."""

import math

import pytest
import torch

from moeasr.moe.stats import (
    LayerUsage,
    dead_experts,
    expert_load,
    load_cv,
    load_entropy,
    load_max_share,
    usage_summary,
)
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


@pytest.mark.parametrize("num_experts", [1, 2, 8])
def test_end_points_of_each_measure(num_experts):
    balanced = torch.full((num_experts,), 30)
    assert load_cv(balanced) == 0
    assert load_entropy(balanced) == pytest.approx(1)
    assert load_max_share(balanced) == 1
    assert dead_experts(balanced) == []
    if num_experts > 1:
        one = torch.zeros(num_experts)
        one[1] = 7
        assert load_cv(one) == pytest.approx(math.sqrt(num_experts - 1))
        assert load_entropy(one) == 0
        assert load_max_share(one) == num_experts
        assert dead_experts(one) == [i for i in range(num_experts) if i != 1]


def test_measures_by_hand():
    load = torch.tensor([1.0, 2.0, 3.0, 10.0])  # mean 4, squared deviations 9 + 4 + 1 + 36
    assert load_cv(load) == pytest.approx(math.sqrt(50 / 4) / 4)
    assert load_cv(load * 1000) == pytest.approx(load_cv(load))
    assert load_max_share(load) == pytest.approx(2.5)
    half = torch.tensor([5, 5, 0, 0])
    assert load_cv(half) == pytest.approx(1)
    assert load_entropy(half) == pytest.approx(0.5)


def test_dead_is_below_a_quarter_of_the_fair_part():
    assert dead_experts(torch.tensor([10, 50, 50, 50])) == []  # 1/16 exactly
    assert dead_experts(torch.tensor([9, 50, 50, 50])) == [0]
    assert dead_experts(torch.tensor([50, 0, 50, 1])) == [1, 3]


def test_no_load_has_no_imbalance_but_every_expert_is_dead():
    nothing = torch.zeros(4)
    assert load_cv(nothing) == 0
    assert dead_experts(nothing) == [0, 1, 2, 3]


def test_summary_counts_what_dead_experts_finds():
    loads = [torch.tensor([9, 50, 50, 50]), torch.tensor([50, 0, 50, 1])]
    assert usage_summary(loads)["num_dead_experts"] == 3
    assert usage_summary(loads)["load_max_share"] == pytest.approx(200 / 101)


def test_usage_of_a_layer_adds_up_over_batches():
    empty = torch.zeros(3, 4)
    first = Routing(torch.tensor([[0, 2], [2, 3], [2, 0]]), empty, empty, empty)
    second = Routing(torch.tensor([[1, 2]]), empty, empty[:1], empty[:1])
    usage = LayerUsage.of("layer", first).merged(LayerUsage.of("layer", second))
    assert usage.load.tolist() == [2, 1, 4, 1]
    assert (usage.num_frames, usage.num_experts, usage.experts_per_frame) == (4, 4, 2)
    assert usage.relative_load == [1, 0.5, 2, 0.5]


def test_usage_counts_beyond_what_float32_can():
    one_more = LayerUsage("layer", torch.tensor([1, 0]), 1)
    many = LayerUsage("layer", torch.tensor([2**24, 0]), 1)
    assert many.merged(one_more).num_frames == 2**24 + 1
