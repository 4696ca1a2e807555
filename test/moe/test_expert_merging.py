"""Merging of similar experts."""

from itertools import permutations

import pytest
import torch
from rounding import assert_close

from moeasr.moe.expert_copies import FeedForwardWeights
from moeasr.moe.expert_merging import align, match_units, merge_similar

D, M = 5, 7


def make_bank(num_experts, dtype=torch.float64):
    shapes = ((num_experts, M, D), (num_experts, M), (num_experts, D, M), (num_experts, D))
    return FeedForwardWeights(*(torch.randn(shape, dtype=dtype) for shape in shapes))


def copy_expert(bank, source, target, order=None):
    """Let an expert be a copy of another one, with its hidden units in another order."""
    order = torch.randperm(M) if order is None else order
    bank.w1[target], bank.b1[target] = bank.w1[source][order], bank.b1[source][order]
    bank.w2[target], bank.b2[target] = bank.w2[source][:, order], bank.b2[source]


def expert(bank, index):
    return FeedForwardWeights(*(weight[index] for weight in bank))


def run(weights, x):
    w1, b1, w2, b2 = weights
    return torch.nn.functional.silu(x @ w1.T + b1) @ w2.T + b2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_copies_are_merged_to_what_each_of_them_is(dtype):
    """Their hidden units are in another order; the weights of the first copy remain bit by bit."""
    bank = make_bank(5, dtype)
    copy_expert(bank, 1, 3)
    (merged,), expert_of = merge_similar([bank], [torch.tensor([5.0, 1, 7, 3, 4])], 4)
    assert expert_of.tolist() == [0, 1, 2, 1, 3]
    tolerance = {torch.float64: 1e-15, torch.float32: 0}[dtype]
    for found, wanted in zip(merged, bank):
        torch.testing.assert_close(found, wanted[[0, 1, 2, 4]], rtol=0, atol=tolerance)


def test_the_merged_expert_is_the_mean_by_load_in_the_order_of_the_first():
    bank = make_bank(2)
    for weight, noise in zip(bank, make_bank(1)):
        weight[1] = weight[0] + 1e-3 * noise[0]
    plain = FeedForwardWeights(*(0.25 * weight[0] + 0.75 * weight[1] for weight in bank))
    copy_expert(bank, 1, 1)
    (merged,), expert_of = merge_similar([bank], [torch.tensor([1.0, 3.0])], 1)
    assert expert_of.tolist() == [0, 0]
    for found, wanted in zip(merged, plain):
        assert_close(found[0], wanted, steps=4, dtype=torch.float64)  # shares, product, sum


def test_pairs_are_merged_by_wards_criterion():
    """Experts 0 and 1 are nearest, but so busy that merging the rarely used ones costs less."""
    bank = make_bank(4)
    for number, distance in [(1, 1.0), (2, 2.0), (3, 2.0)]:
        for weight in bank:
            weight[number] = weight[0]
        bank.b2[number, number] += distance
    even, skewed = torch.tensor([1.0, 1, 1, 1]), torch.tensor([10.0, 10, 0.1, 0.1])
    assert merge_similar([bank], [even], 3)[1].tolist() == [0, 0, 1, 2]
    # 2 or 3 with 0, 4 * 0.099; with each other, 8 * 0.05; 0 and 1, 5
    assert merge_similar([bank], [skewed], 3)[1].tolist() == [0, 1, 0, 2]


def test_experts_without_load_join_their_nearest_neighbour_and_do_not_change_it():
    bank = make_bank(4)
    for weight in bank:
        weight[3] = weight[2] + 1e-3
    load = torch.tensor([4.0, 4.0, 4.0, 0.0])
    (merged,), expert_of = merge_similar([bank], [load], 3)
    assert expert_of.tolist() == [0, 1, 2, 2]
    for found, wanted in zip(merged, bank):
        torch.testing.assert_close(found, wanted[:3], rtol=0, atol=1e-11)
    merge_similar([bank], [torch.zeros(4)], 1)  # no load at all


def test_banks_that_share_a_router_merge_the_same_experts():
    """The experts that are equal in one bank are far apart in the other."""
    one, other = make_bank(3), make_bank(3)
    copy_expert(one, 0, 1)
    for weight in one:
        weight[2] = weight[0] + 1e-4
    for weight in other:
        weight[1] = weight[0] + 100
        weight[2] = weight[0] + 1e-4
    loads = [torch.ones(3), torch.ones(3)]
    merged, expert_of = merge_similar([one, other], loads, 2)
    assert expert_of.tolist() == [0, 1, 0] and [len(bank.w1) for bank in merged] == [2, 2]


def test_units_are_matched_as_by_the_slow_greedy_way():
    ours, theirs = torch.randn(9, 3, dtype=torch.float64), torch.randn(9, 3, dtype=torch.float64)
    distance = torch.cdist(ours, theirs)
    wanted = torch.empty(9, dtype=torch.int64)
    for _ in range(9):
        row, column = divmod(int(distance.argmin()), 9)
        wanted[row] = column
        distance[row], distance[:, column] = torch.inf, torch.inf
    assert torch.equal(match_units(ours, theirs), wanted)


def test_equal_units_are_matched_too():
    order = match_units(torch.zeros(5, 2), torch.zeros(5, 2))
    assert sorted(order.tolist()) == list(range(5))


def test_every_order_of_the_units_is_undone():
    bank = make_bank(2)
    for order in list(permutations(range(M)))[::701]:
        copy_expert(bank, 0, 1, torch.tensor(order))
        assert all(map(torch.equal, align(expert(bank, 1), expert(bank, 0)), expert(bank, 0)))
    x = torch.randn(4, D, dtype=torch.float64)
    torch.testing.assert_close(run(expert(bank, 1), x), run(expert(bank, 0), x))
