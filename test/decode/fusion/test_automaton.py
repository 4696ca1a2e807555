"""Weighted automata that fail over."""

import pytest
import torch

from moeasr.decode.fusion.automaton import Arc, FailureAutomaton

A, B, C = range(3)
ARCS = {
    (0, A): Arc(1, 0.5),
    (0, B): Arc(0, -1.0),
    (1, B): Arc(2, 2.0),
    (2, A): Arc(1, 4.0),
}
FAILURES = [Arc(0, 99.0), Arc(0, -0.25), Arc(1, -0.125)]  # that of state 0 is unused


@pytest.fixture
def automaton():
    return FailureAutomaton(ARCS, FAILURES, num_symbols=3)


@pytest.mark.parametrize(
    ("state", "symbol", "target", "weight"),
    [
        (0, A, 1, 0.5),
        (1, B, 2, 2.0),
        (1, A, 1, -0.25 + 0.5),  # fails to 0
        (2, B, 2, -0.125 + 2.0),  # fails to 1
        (2, C, 0, -0.125 - 0.25),  # fails to 1, to 0, and adds nothing there
        (0, C, 0, 0.0),
    ],
)
def test_a_step_follows_an_arc_or_fails_over(automaton, state, symbol, target, weight):
    targets, weights = automaton.step(torch.tensor([state]), torch.tensor([symbol]))
    assert (targets.tolist(), weights.tolist()) == ([target], [weight])


def test_states_and_symbols_are_combined(automaton):
    targets, weights = automaton.step(torch.tensor([[0], [2]]), torch.tensor([A, B, C]))
    assert targets.tolist() == [[1, 0, 0], [1, 2, 0]]
    assert weights.tolist() == [[0.5, -1.0, 0.0], [4.0, 1.875, -0.375]]


def test_no_symbol_adds_more_than_the_bound(automaton):
    _, weights = automaton.step(torch.tensor([[0], [1], [2]]), torch.tensor([A, B, C]))
    assert automaton.max_weight == float(weights.max()) == 4.0
    worse = FailureAutomaton({(0, A): Arc(0, -3.0)}, [Arc(0, 0.0), Arc(0, 7.0)], 3)
    assert worse.max_weight == 7.0  # state 1 fails, and symbol 1 adds nothing at state 0
