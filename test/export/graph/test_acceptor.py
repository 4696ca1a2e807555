"""Weighted acceptors: arcs come back sorted by their source."""

import numpy as np

from moeasr.export.graph.acceptor import BLANK_LABEL, EPSILON, Acceptor, label_of


def test_arcs_are_sorted_by_source_and_broadcast():
    acceptor = Acceptor()
    assert [acceptor.add_state() for _ in range(3)] == [0, 1, 2]
    acceptor.add_arc(2, 5, -0.5, 0)
    acceptor.add_arcs(np.array([1, 0]), EPSILON, np.array([-1.0, -2.0]), 2)
    acceptor.add_arcs(np.arange(2), 4, 0.0, np.arange(2))
    arcs = acceptor.arcs()
    assert acceptor.num_arcs == 5
    assert arcs.sources.tolist() == [0, 0, 1, 1, 2]
    assert arcs.labels.tolist() == [0, 4, 0, 4, 5]
    assert arcs.scores.tolist() == [-2.0, 0.0, -1.0, 0.0, -0.5]
    assert arcs.targets.tolist() == [2, 0, 2, 1, 0]


def test_the_label_of_the_blank_is_not_that_of_nothing():
    assert (label_of(0), label_of(3)) == (BLANK_LABEL, 4)
