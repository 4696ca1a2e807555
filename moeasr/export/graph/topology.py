"""The CTC topology: from an acceptor of unit sequences to one with a label for every frame.

Each frame reads one label. A unit may be read in several adjacent frames, blanks may be read before
and after it, and a blank must be read between two equal units. The textbook composition has an arc
from every unit to every other unit, which is too much for thousands of units. Therefore:

- A state of the acceptor becomes one state in which the last frame was a blank, and one for each
  unit that leads to it, which reads the unit again.
- If no arc of the acceptor's state reads this unit again, no blank is needed after the unit. The
  state after the unit then has one arc that reads nothing and leads to the state after a blank.
- Otherwise, the state after the unit has its own copy of the arcs, except those that read the unit.
- If a state has such copies for many units, they are shared: for every binary digit of the label,
  one copy has the arcs whose digit is 0, and one those whose digit is 1. A unit uses the copies in
  which the digit differs from its own. They have all arcs except those that read the unit.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moeasr.export.graph.acceptor import BLANK_LABEL, EPSILON, Acceptor, Arcs

Numbers = NDArray[np.int64]


def ctc_topology(units: Acceptor) -> Acceptor:
    """Return the acceptor of label sequences, one label per frame, from that of unit sequences."""
    return _Topology(units).build()


class _Pairs(NamedTuple):
    """States of the acceptor, each with a unit that has been read in the last frame."""

    states: Numbers
    labels: Numbers
    is_direct: NDArray[np.bool_]
    """True if an arc that reads the unit leads to the state; False if arcs that read nothing lie
    between them."""
    can_repeat: NDArray[np.bool_]
    """True if the unit can be read again from the state, which needs a blank between them."""


class _Rows(NamedTuple):
    """Positions of the arcs of each state in a list of arcs that is sorted by source."""

    starts: Numbers
    counts: Numbers

    @classmethod
    def of(cls, sources: Numbers, num_states: int) -> "_Rows":
        counts = np.bincount(sources, minlength=num_states)
        return cls(np.cumsum(counts) - counts, counts)

    def expand(self, states: Numbers) -> tuple[Numbers, Numbers]:
        """Return (index in `states`, position of an arc) for all arcs of the states."""
        counts = self.counts[states]
        rows = np.repeat(np.arange(len(states)), counts)
        offsets = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, self.starts[states][rows] + offsets


class _Topology:
    def __init__(self, units: Acceptor) -> None:
        self._units = units
        arcs = units.arcs()
        self._spoken = Arcs(*(column[arcs.labels != EPSILON] for column in arcs))
        self._silent = Arcs(*(column[arcs.labels == EPSILON] for column in arcs))
        self._spoken_rows = _Rows.of(self._spoken.sources, units.num_states)
        self._silent_rows = _Rows.of(self._silent.sources, units.num_states)
        self._num_labels = 1 + int(arcs.labels.max(initial=BLANK_LABEL))
        self._out = Acceptor()

    def build(self) -> Acceptor:
        """Build the topology."""
        pairs = self._find_pairs()
        keys = self._keys(pairs.states, pairs.labels)
        out, num_states = self._out, self._units.num_states
        out.num_states = num_states + len(keys)
        numbers = num_states + np.arange(len(keys))
        # states after a blank have the numbers of the acceptor's states
        everything = np.arange(num_states)
        out.add_arcs(everything, BLANK_LABEL, 0.0, everything)
        out.add_arcs(*self._silent)
        spoken = self._spoken
        targets = num_states + np.searchsorted(keys, self._keys(spoken.targets, spoken.labels))
        out.add_arcs(spoken.sources, spoken.labels, spoken.scores, targets)
        # states after a unit
        direct = pairs.is_direct
        out.add_arcs(numbers[direct], pairs.labels[direct], 0.0, numbers[direct])
        free = ~pairs.can_repeat
        out.add_arcs(numbers[free], EPSILON, 0.0, pairs.states[free])
        bound = direct & pairs.can_repeat
        out.add_arcs(numbers[bound], BLANK_LABEL, 0.0, pairs.states[bound])
        self._continue(_Pairs(*(part[~free] for part in pairs)), numbers[~free], keys, targets)
        finals = self._units.finals
        out.finals.update(finals)
        for number, state in zip(numbers[direct].tolist(), pairs.states[direct].tolist()):
            if state in finals:
                out.finals[number] = finals[state]
        return out

    def _keys(self, states: Numbers, labels: Numbers) -> Numbers:
        return states * self._num_labels + labels

    def _find_pairs(self) -> _Pairs:
        """Find the pairs of a state and a unit that need a state of their own, sorted by both."""
        direct = np.unique(self._keys(self._spoken.targets, self._spoken.labels))
        keys = frontier = direct
        while len(frontier):
            rows, places = self._silent_rows.expand(frontier // self._num_labels)
            reached = self._keys(self._silent.targets[places], (frontier % self._num_labels)[rows])
            frontier = np.setdiff1d(reached, keys)
            keys = np.union1d(keys, frontier)
        readable = np.unique(self._keys(self._spoken.sources, self._spoken.labels))
        can_repeat = np.isin(keys, readable)
        rows, places = self._silent_rows.expand(keys // self._num_labels)
        reached = self._keys(self._silent.targets[places], (keys % self._num_labels)[rows])
        reached = np.searchsorted(keys, reached)
        while True:
            more = rows[can_repeat[reached] & ~can_repeat[rows]]
            if not len(more):
                break
            can_repeat[more] = True
        is_direct = np.isin(keys, direct)
        kept = is_direct | can_repeat
        keys = keys[kept]
        states, labels = keys // self._num_labels, keys % self._num_labels
        return _Pairs(states, labels, is_direct[kept], can_repeat[kept])

    def _continue(self, pairs: _Pairs, numbers: Numbers, keys: Numbers, targets: Numbers) -> None:
        """Add the arcs after units that can be read again.

        Args:
            pairs: States after these units.
            numbers: Their numbers in the result.
            keys: The keys of all pairs that have a state, see `_keys`.
            targets: For each arc of the acceptor that reads a unit, its target in the result.
        """
        rows, places = self._silent_rows.expand(pairs.states)
        silent = self._silent.targets[places]
        own_keys = self._keys(silent, pairs.labels[rows])
        can_repeat = np.isin(own_keys, self._keys(pairs.states, pairs.labels))
        reached = self._units.num_states + np.searchsorted(keys, own_keys)
        reached = np.where(can_repeat, reached, silent)
        self._out.add_arcs(numbers[rows], EPSILON, self._silent.scores[places], reached)
        num_digits = self._num_labels.bit_length()
        num_copies = np.bincount(pairs.states, minlength=self._units.num_states)
        shares = num_copies[pairs.states] > 2 * num_digits
        self._copy(_Pairs(*(part[~shares] for part in pairs)), numbers[~shares], targets)
        for state in np.unique(pairs.states[shares]).tolist():
            own = pairs.states == state
            self._share(state, pairs.labels[own], numbers[own], targets, num_digits)

    def _copy(self, pairs: _Pairs, numbers: Numbers, targets: Numbers) -> None:
        rows, places = self._spoken_rows.expand(pairs.states)
        other = self._spoken.labels[places] != pairs.labels[rows]
        rows, places = rows[other], places[other]
        spoken = self._spoken
        self._out.add_arcs(
            numbers[rows], spoken.labels[places], spoken.scores[places], targets[places]
        )

    def _share(
        self, state: int, labels: Numbers, numbers: Numbers, targets: Numbers, num_digits: int
    ) -> None:
        start = int(self._spoken_rows.starts[state])
        places = np.arange(start, start + int(self._spoken_rows.counts[state]))
        spoken = self._spoken
        for digit in range(num_digits):
            for value in (0, 1):
                copy = self._out.add_state()
                own = places[spoken.labels[places] >> digit & 1 == value]
                self._out.add_arcs(copy, spoken.labels[own], spoken.scores[own], targets[own])
                before = numbers[labels >> digit & 1 != value]
                self._out.add_arcs(before, EPSILON, 0.0, copy)
