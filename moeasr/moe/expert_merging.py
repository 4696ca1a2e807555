"""Merging of similar experts: fewer experts, each of which does the work of several.

The recipe is that of MC-SMoE (Li et al., arXiv 2310.01334): align the hidden units of the experts,
group similar experts, and average each group by the load. Groups grow by hierarchical clustering,
as in HC-SMoE (arXiv 2410.08589). We know both only from the README of their code. Our choices are
the distance of aligned weights as similarity, and the greedy alignment, which an optimal assignment
would improve.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from moeasr.moe.expert_copies import FeedForwardWeights, average_experts

LEAST_SHARE = 1e-9
"""Share of the load that every expert has at least, so that unused experts have a distance, too."""


def merge_similar(
    banks: Sequence[FeedForwardWeights], loads: Sequence[Tensor], num_experts: int
) -> tuple[list[FeedForwardWeights], Tensor]:
    """Merge the experts of banks that share a router to N experts each, two at a time.

    Each step merges the two experts i and j with the least cost l_i l_j / (l_i + l_j) |W_i - W_j|^2
    (Ward's criterion), summed over the banks, where l is the share of the load and the hidden units
    of j are aligned with those of i. The merged expert has the share l_i + l_j and the weights
    (l_i W_i + l_j W_j) / (l_i + l_j). The cost of equal experts is 0, whatever the order of their
    hidden units, and the merged expert then computes what each of them did.

    Args:
        banks: Stacked weights of E experts, of each bank.
        loads: Number of assignments to each expert (E,), of each bank.
        num_experts: Number N of experts that remain, at least 1.

    Returns:
        The stacked weights of N experts of each bank, in the type of the given ones, and the index
        of the merged expert of each old one, (E,) int64. Merged experts have the order of their
        first members.
    """
    shares = [(load.double() / load.sum().clamp(min=1)).clamp(min=LEAST_SHARE) for load in loads]
    groups = [
        {e: _Group(_expert(bank, e), float(share[e])) for e in range(len(share))}
        for bank, share in zip(banks, shares)
    ]
    members = {e: [e] for e in groups[0]}
    costs = {(i, j): _cost(groups, i, j) for i in members for j in members if i < j}
    while len(members) > num_experts:
        i, j = min(costs, key=lambda pair: costs[pair])
        for bank in groups:
            bank[i] = bank[i].merged(bank.pop(j))
        members[i] += members.pop(j)
        costs = {pair: cost for pair, cost in costs.items() if not {i, j} & set(pair)}
        costs |= {
            (min(i, e), max(i, e)): _cost(groups, min(i, e), max(i, e)) for e in members if e != i
        }
    expert_of = torch.empty(shares[0].numel(), dtype=torch.int64)
    for number, first in enumerate(members):
        expert_of[members[first]] = number
    merged = [
        FeedForwardWeights(
            *(
                torch.stack([own.weights[part] for own in group.values()]).to(bank[part].dtype)
                for part in range(len(bank))
            )
        )
        for bank, group in zip(banks, groups)
    ]
    return merged, expert_of


def align(expert: FeedForwardWeights, to: FeedForwardWeights) -> FeedForwardWeights:
    """Return an expert with its hidden units in the order of those of another expert.

    A hidden unit consists of a row of W1, its bias and a column of W2. Their order does not change
    what an expert computes, but the mean of two experts is meaningful only in the same order.
    """
    order = match_units(_units(to), _units(expert))
    w1, b1, w2, b2 = expert
    return FeedForwardWeights(w1[order], b1[order], w2[:, order], b2)


def match_units(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the index of a different one of their units for each of our units, (M,).

    Pairs are chosen greedily by their distance, the nearest first. Pairs of units that are each
    other's nearest are chosen at once, which gives the same result.

    Args:
        ours: Our units, (M, features).
        theirs: Their units, (M, features).
    """
    distance = ours.square().sum(1)[:, None] + theirs.square().sum(1) - 2 * ours @ theirs.T
    order = torch.empty(len(ours), dtype=torch.int64)
    rows = columns = torch.arange(len(ours))
    while rows.numel():
        nearest_column, nearest_row = distance.argmin(dim=1), distance.argmin(dim=0)
        chosen = nearest_row[nearest_column] == torch.arange(len(rows))
        if not chosen.any():  # among equal distances
            chosen[distance.amin(dim=1).argmin()] = True
        taken = nearest_column[chosen]
        order[rows[chosen]] = columns[taken]
        is_free = torch.ones(len(columns), dtype=torch.bool)
        is_free[taken] = False
        rows, columns = rows[~chosen], columns[is_free]
        distance = distance[~chosen][:, is_free]
    return order


class _Group:
    """Experts that are merged, with the share of the load that they have together."""

    def __init__(self, weights: FeedForwardWeights, share: float) -> None:
        self.weights = weights
        self.share = share

    def cost(self, other: "_Group") -> float:
        """Return the cost of merging two groups."""
        aligned = align(other.weights, self.weights)
        distance = sum(float((a - b).square().sum()) for a, b in zip(aligned, self.weights))
        return self.share * other.share / (self.share + other.share) * distance

    def merged(self, other: "_Group") -> "_Group":
        """Return the group of the experts of both."""
        pair = zip(self.weights, align(other.weights, self.weights))
        stacked = FeedForwardWeights(*map(torch.stack, pair))
        shares = torch.tensor([self.share, other.share], dtype=torch.float64)
        return _Group(average_experts(stacked, shares), self.share + other.share)


def _cost(groups: Sequence[dict[int, _Group]], i: int, j: int) -> float:
    """Return the cost of merging two experts in all banks."""
    return sum(bank[i].cost(bank[j]) for bank in groups)


def _expert(bank: FeedForwardWeights, index: int) -> FeedForwardWeights:
    """Return the weights of one expert in float64."""
    return FeedForwardWeights(*(weight[index].double() for weight in bank))


def _units(expert: FeedForwardWeights) -> Tensor:
    """Return the hidden units of an expert, one row each."""
    return torch.cat((expert.w1, expert.b1[:, None], expert.w2.T), dim=1)
