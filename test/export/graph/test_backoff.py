"""Failure arcs in plain Python: the same targets and weights as those of the automaton."""

import pytest
import torch

from moeasr.decode.fusion.automaton import Arc, FailureAutomaton
from moeasr.export.graph.backoff import BackoffTable

ARCS = {(0, 0): Arc(1, -1.0), (0, 1): Arc(0, -2.0), (1, 1): Arc(2, -0.5), (2, 0): Arc(2, -0.25)}


@pytest.fixture
def automaton():
    return FailureAutomaton(ARCS, [Arc(0, 0.0), Arc(0, -0.125), Arc(1, 0.5)], num_symbols=3)


def test_steps_are_those_of_the_automaton(automaton):
    table = BackoffTable(automaton)
    assert table.num_states == 3
    for state in range(3):
        for symbol in range(3):
            target, weight = automaton.step(torch.tensor(state), torch.tensor(symbol))
            assert table.step(state, symbol) == Arc(int(target), float(weight))


def test_own_arcs_and_failure_arcs(automaton):
    table = BackoffTable(automaton)
    assert table.own(0) == {0: Arc(1, -1.0), 1: Arc(0, -2.0)}
    assert table.own(2) == {0: Arc(2, -0.25)}
    assert [table.failure(state) for state in range(3)] == [None, Arc(0, -0.125), Arc(1, 0.5)]
