"""Weighted acceptors of unit sequences, from which a decoding graph is built."""

from array import array
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EPSILON = 0
"""The label of an arc that reads nothing."""
BLANK_LABEL = 1
"""The label of the blank, whose id is 0."""


def label_of(unit: int) -> int:
    """Return the label of a unit, which is its id plus 1."""
    return unit + 1


class Arcs(NamedTuple):
    """The arcs of an acceptor, sorted by source."""

    sources: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    targets: NDArray[np.int64]


class Acceptor:
    """A weighted acceptor, whose scores are natural logarithms; a larger score is better.

    The score of a path is the sum over its arcs and its final state. The start is state 0. A
    sequence has the score of its best path.
    """

    def __init__(self) -> None:
        self.num_states = 0
        self.finals: dict[int, float] = {}
        """Score of ending in each final state."""
        self._sources, self._labels, self._targets = array("q"), array("q"), array("q")
        self._scores = array("d")

    @property
    def num_arcs(self) -> int:
        """The number of arcs."""
        return len(self._labels)

    def add_state(self) -> int:
        """Add a state and return its number."""
        self.num_states += 1
        return self.num_states - 1

    def add_arc(self, source: int, label: int, score: float, target: int) -> None:
        """Add one arc."""
        self._sources.append(source)
        self._labels.append(label)
        self._scores.append(score)
        self._targets.append(target)

    def add_arcs(
        self,
        sources: NDArray[np.int64] | int,
        labels: NDArray[np.int64] | int,
        scores: NDArray[np.float64] | float,
        targets: NDArray[np.int64] | int,
    ) -> None:
        """Add several arcs, whose four properties are broadcast against each other."""
        columns = np.broadcast_arrays(sources, labels, scores, targets)
        own = (self._sources, self._labels, self._scores, self._targets)
        for column, values in zip(own, columns):
            dtype = np.float64 if column.typecode == "d" else np.int64
            column.frombytes(np.ascontiguousarray(values, dtype=dtype).tobytes())

    def arcs(self) -> Arcs:
        """Return all arcs, sorted by source and otherwise in the order in which they were added."""
        columns = [np.array(x) for x in (self._sources, self._labels, self._scores, self._targets)]
        order = np.argsort(columns[0], kind="stable")
        return Arcs(*(column[order] for column in columns))
