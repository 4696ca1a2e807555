"""The record of what a router decided."""

import torch

from moeasr.nn.routing import Routing


def test_the_number_of_experts_is_that_of_the_probabilities():
    ids, weights = torch.zeros(5, 2, dtype=torch.int64), torch.ones(5, 2)
    assert Routing(ids, weights, torch.zeros(5, 7), torch.full((5, 7), 1 / 7)).num_experts == 7
