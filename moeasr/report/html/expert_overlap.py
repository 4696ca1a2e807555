"""The overlap of experts: the frames that experts of two layers, or of two checkpoints, share."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from moeasr.report.html.dependence import (
    SMALLEST_BITS,
    entropy_bits,
    joint_counts,
    mutual_information_bits,
)
from moeasr.report.html.routes import Routes


class SharedFrames(NamedTuple):
    """The frames that two experts of different layers both take."""

    layer_a: str
    expert_a: int
    layer_b: str
    expert_b: int
    overlap: float
    """Number of frames that both experts take, divided by the number that at least one takes."""
    num_frames: int
    """Number of frames that both experts take."""


def jaccard(counts: np.ndarray) -> np.ndarray:
    """Return the overlap of each pair: frames of both experts over frames of at least one, (E, E').

    Args:
        counts: Number of frames that each pair of experts takes, (E, E').
    """
    either = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    return counts / np.maximum(either, 1)


def relation(counts: np.ndarray) -> float:
    """Return the mutual information of two layers' routes over the smaller of their entropies.

    It is 0 for independent routes, and 1 if the route in one layer follows from the other.

    Args:
        counts: Number of frames that each pair of experts takes, (E, E').
    """
    smaller = min(entropy_bits(counts.sum(axis=1)), entropy_bits(counts.sum(axis=0)))
    return mutual_information_bits(counts) / smaller if smaller > SMALLEST_BITS else 0.0


def layer_relations(routes: Routes) -> np.ndarray:
    """Return `relation` for each pair of layers, (L, L)."""
    sizes = list(routes.num_experts.values())
    found = np.eye(len(sizes))
    for a in range(len(sizes)):
        for b in range(a):
            found[a, b] = relation(_pair_counts(routes, a, b, sizes))
            found[b, a] = found[a, b]
    return found


def closest_experts(routes: Routes, num_pairs: int) -> list[SharedFrames]:
    """Return the pairs of experts of different layers that overlap most, the closest first."""
    names, sizes = list(routes.num_experts), list(routes.num_experts.values())
    pairs = []
    for a in range(len(sizes)):
        for b in range(a + 1, len(sizes)):
            counts = _pair_counts(routes, a, b, sizes)
            for (i, j), value in np.ndenumerate(jaccard(counts)):
                pairs.append(
                    SharedFrames(names[a], i, names[b], j, float(value), int(counts[i, j]))
                )
    pairs.sort(key=lambda pair: (-pair.overlap, pair[:4]))
    return pairs[:num_pairs]


def agreement(a: Routes, b: Routes) -> list[float]:
    """Return the share of frames that take the same expert in two checkpoints, for each layer.

    Args:
        a: Routes of one checkpoint.
        b: Routes of another checkpoint of the same training, for the same frames.
    """
    return [float(np.mean(left == right)) for left, right in zip(a.first, b.first)]


def _pair_counts(routes: Routes, a: int, b: int, sizes: Sequence[int]) -> np.ndarray:
    return joint_counts(routes.first[a], routes.first[b], (sizes[a], sizes[b]))
