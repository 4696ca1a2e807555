"""Weighted automata with failure arcs."""

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
FAILURES = [Arc(0, 99.0), Arc(0, -0.25), Arc(1, -0.125)]  # the failure arc of state 0 is unused


@pytest.fixture
def automaton():
    return FailureAutomaton(ARCS, FAILURES, num_symbols=3)


@pytest.mark.parametrize(
    ("state", "symbol", "target", "weight"),
    [
        (0, A, 1, 0.5),
        (1, B, 2, 2.0),
        (1, A, 1, -0.25 + 0.5),  # fails to state 0
        (2, B, 2, -0.125 + 2.0),  # fails to state 1
        (2, C, 0, -0.125 - 0.25),  # fails to state 1, then to state 0, which adds nothing
        (0, C, 0, 0.0),
    ],
)
def test_a_step_follows_an_arc_or_the_failure_arcs(automaton, state, symbol, target, weight):
    targets, weights = automaton.step(torch.tensor([state]), torch.tensor([symbol]))
    assert (targets.tolist(), weights.tolist()) == ([target], [weight])


def test_a_step_combines_all_states_with_all_symbols(automaton):
    targets, weights = automaton.step(torch.tensor([[0], [2]]), torch.tensor([A, B, C]))
    assert targets.tolist() == [[1, 0, 0], [1, 2, 0]]
    assert weights.tolist() == [[0.5, -1.0, 0.0], [4.0, 1.875, -0.375]]


def test_max_weight_bounds_the_weight_of_every_symbol(automaton):
    _, weights = automaton.step(torch.tensor([[0], [1], [2]]), torch.tensor([A, B, C]))
    assert automaton.max_weight == float(weights.max()) == 4.0
    worse = FailureAutomaton({(0, A): Arc(0, -3.0)}, [Arc(0, 0.0), Arc(0, 7.0)], 3)
    # the failure arc of state 1, after which symbol 1 adds nothing at state 0
    assert worse.max_weight == 7.0
