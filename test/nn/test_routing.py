"""The record of what a router decided."""

import torch

from moeasr.nn.routing import Routing


def test_the_number_of_experts_is_that_of_the_probabilities():
    ids, weights = torch.zeros(5, 2, dtype=torch.int64), torch.ones(5, 2)
    assert Routing(ids, weights, torch.zeros(5, 7), torch.full((5, 7), 1 / 7)).num_experts == 7


def test_the_first_expert_has_the_largest_weight():
    """A biased selection gives another order, and the weights of merged experts add up."""
    ids = torch.tensor([[3, 1, 0], [2, 4, 2], [0, 1, 5]])
    weights = torch.tensor([[0.2, 0.7, 0.1], [0.3, 0.4, 0.3], [0.4, 0.4, 0.2]])
    routing = Routing(ids, weights, torch.zeros(3, 7), torch.full((3, 7), 1 / 7))
    assert routing.first_experts().tolist() == [1, 2, 0]


def test_weights_by_expert_add_up_the_assignments_of_a_merged_expert():
    ids = torch.tensor([[2, 0], [1, 1]])
    weights = torch.tensor([[0.75, 0.25], [0.5, 0.25]])
    routing = Routing(ids, weights, torch.zeros(2, 3), torch.full((2, 3), 1 / 3))
    assert routing.weights_by_expert().tolist() == [[0.25, 0.0, 0.75], [0.0, 0.75, 0.0]]
