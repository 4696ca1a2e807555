"""The dependence of routes on labels: mutual information, corrected and tested by permutations.

The mutual information of two finite samples is positive even if they are independent, and the more
so the more classes there are. Permutations of the labels show this bias: they keep everything but
the relation of labels and routes. Neighbouring frames are alike, so a permutation of single frames
would call almost any relation significant. Labels are therefore permuted in these ways:

- Labels of utterances, such as the speaker, change places among the utterances.
- Labels of frames, such as the unit, are rotated within each utterance by a random number of
  frames, which keeps the order of neighbours. Only frames with a label take part.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from moeasr.report.html.frame_labels import FrameLabels
from moeasr.report.html.routes import Routes

SMALLEST_BITS = 1e-12
"""Differences in bits below this are rounding errors."""


class Dependence(NamedTuple):
    """The dependence of the first expert in one layer on one kind of label."""

    counts: np.ndarray
    """Number of frames by expert and class, (E, C) int64."""
    bits: float
    """Mutual information of expert and label in the sample, in bits."""
    chance_bits: float
    """Mean of the mutual information under permuted labels."""
    p_value: float
    """Probability that independent labels give at least this much mutual information."""

    @property
    def share(self) -> float:
        """Share of the entropy of the routes that the label explains, beyond chance."""
        entropy = entropy_bits(self.counts.sum(axis=1))
        excess = self.bits - self.chance_bits
        return max(excess, 0.0) / entropy if entropy > SMALLEST_BITS else 0.0


def entropy_bits(counts: np.ndarray) -> float:
    """Return the entropy of a distribution in bits.

    Args:
        counts: Numbers of occurrences, of any shape.
    """
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum())


def mutual_information_bits(counts: np.ndarray) -> float:
    """Return the mutual information of the rows and columns of a (E, C) table of counts."""
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    return max(entropy_bits(rows) + entropy_bits(columns) - entropy_bits(counts), 0.0)


def joint_counts(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return how often each pair of classes occurs.

    Args:
        rows: Class of each of N frames in the first variable, (N,).
        columns: Class of each frame in the second variable, (N,).
        shape: Numbers of classes of both variables.
    """
    flat = rows.astype(np.int64) * shape[1] + columns
    return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)


def measure_dependence(
    routes: Routes, labels: FrameLabels, num_permutations: int, seed: int = 0
) -> list[Dependence]:
    """Return the dependence of the routes on one kind of label, for each layer.

    Args:
        routes: The routes.
        labels: The labels of the same frames, at least one of which has a label.
        num_permutations: Number R of permutations; the smallest possible p-value is 1 / (R + 1).
        seed: Seed of the permutations.
    """
    known = labels.ids >= 0
    ids, first = labels.ids[known], routes.first[:, known]
    sizes = [(num_experts, len(labels.classes)) for num_experts in routes.num_experts.values()]
    counts = [joint_counts(layer, ids, size) for layer, size in zip(first, sizes)]
    bits = [mutual_information_bits(table) for table in counts]
    chance = np.zeros((num_permutations, len(sizes)))
    permuted = _permuted(ids, routes.utterance_of_frame[known], labels.is_of_utterance, seed)
    for row, other in zip(chance, permuted):
        row[:] = [
            mutual_information_bits(joint_counts(layer, other, size))
            for layer, size in zip(first, sizes)
        ]
    return [
        Dependence(table, value, float(null.mean()), _p_value(value, null))
        for table, value, null in zip(counts, bits, chance.T)
    ]


def _p_value(value: float, chance: np.ndarray) -> float:
    """Return the share of values that are at least as large; the observed value is one of them."""
    return float(1 + (chance >= value - SMALLEST_BITS).sum()) / (len(chance) + 1)


def _permuted(
    ids: np.ndarray, utterances: np.ndarray, is_of_utterance: bool, seed: int
) -> Iterator[np.ndarray]:
    """Yield permuted labels without end.

    Args:
        ids: Class of each frame, (N,).
        utterances: Utterance of each frame in ascending order, (N,).
        is_of_utterance: True to permute utterances; False to rotate within each utterance.
        seed: Seed of the random generator.
    """
    generator = np.random.default_rng(seed)
    _, starts, place, lens = np.unique(
        utterances, return_index=True, return_inverse=True, return_counts=True
    )
    position = np.arange(len(ids)) - starts[place]
    while True:
        if is_of_utterance:
            yield ids[starts][generator.permutation(len(starts))][place]
        else:
            turns = generator.integers(0, lens)
            yield ids[starts[place] + (position + turns[place]) % lens[place]]


def untestable_reason(labels: FrameLabels, routes: Routes) -> str | None:
    """Return why a kind of label cannot be tested, as a sentence; None if it can."""
    if not labels.num_used:
        return f"no frame has a {labels.name}."
    if labels.num_used == 1:
        return f"all frames have the same {labels.name}."
    starts = routes.starts[:-1]
    if labels.is_of_utterance and labels.num_used == len(starts):
        return f"every utterance has a {labels.name} of its own, so that chance cannot be excluded."
    return None
