"""Sums of gradients in buckets; test_sharding.py compares them with flat sums in two processes."""

import pytest
import torch

from moeasr import distributed
from moeasr.train.gradient_buckets import GradientBuckets


class Others:
    """The other process: what it adds to each sum, and what it is asked for."""

    def __init__(self, *addends):
        self.addends = list(addends)
        self.sums = []

    def start_sum(self, values):
        self.sums.append(values.tolist())
        if self.addends:
            values += torch.tensor(self.addends.pop(0))
        return lambda: None


@pytest.fixture
def others(monkeypatch):
    """Two processes, the other of which adds nothing."""
    others = Others()
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(distributed, "start_sum", others.start_sum)
    return others


class Product(torch.nn.Module):
    """Weights that are multiplied one after the other; `notes` are made between their gradients."""

    def __init__(self, num_weights, notes):
        super().__init__()
        weights = [torch.nn.Parameter(torch.tensor([2.0])) for _ in range(num_weights)]
        self.weights = torch.nn.ParameterList(weights)
        self.notes = notes

    def forward(self, x):
        for number, weight in enumerate(self.weights):
            if x.requires_grad:
                x.register_hook(lambda _, number=number: self.notes.append(number))
            x = x * weight
        return x


def test_a_bucket_is_summed_when_its_gradients_are_complete(others):
    model = Product(3, others.sums)
    buckets = GradientBuckets(model, bucket_bytes=4)
    model(torch.ones(1)).backward()
    assert others.sums == [2, 1]  # nothing is summed before the last micro-batch
    others.sums.clear()
    buckets.start()
    model(torch.ones(1)).backward()
    buckets.finish()
    # the backward pass reaches weight 2, then its input; a sum has the number of processes as well
    assert others.sums == [[1.0, 8.0], 2, [1.0, 8.0], 1, [1.0, 8.0]]
    assert [weight.grad.tolist() for weight in model.weights] == [[8.0]] * 3


def test_buckets_keep_their_order_though_gradients_are_missing(others):
    """The last parameter comes first. Another process has a gradient for it, this one has none."""
    weights = [torch.nn.Parameter(torch.tensor([1.0, 1.0])) for _ in range(3)]
    buckets = GradientBuckets(torch.nn.ParameterList(weights), bucket_bytes=8)
    others.addends = [[1.0, 5.0, 6.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    buckets.start()
    (3 * weights[0]).sum().backward()
    assert not others.sums
    buckets.finish()
    assert others.sums == [[0.0] * 3, [0.0] * 3, [1.0, 3.0, 3.0]]
    assert [None if w.grad is None else w.grad.tolist() for w in weights] == [
        [4.0, 4.0],
        None,  # no process has a gradient, so that the optimizer leaves the parameter as it is
        [5.0, 6.0],
    ]


def test_a_parameter_that_is_trained_later_is_summed_as_well(others):
    weights = [torch.nn.Parameter(torch.tensor([1.0])) for _ in range(2)]
    buckets = GradientBuckets(torch.nn.ParameterList(weights))
    weights[1].requires_grad_(False)
    for is_trained in (False, True, True):
        weights[1].requires_grad_(is_trained)
        buckets.start()
        (weights[0] + weights[1]).sum().backward()
        buckets.finish()
    assert others.sums == [[1.0, 1.0], [1.0, 1.0, 1.0, 2.0], [1.0, 1.0, 2.0, 3.0]]


def test_gradients_are_summed_without_a_start_as_well(others):
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    buckets = GradientBuckets(torch.nn.ParameterList([weight]))
    others.addends = [[1.0, 4.0]]
    weight.sum().backward()
    buckets.finish()
    assert others.sums == [[1.0, 1.0]] and weight.grad.tolist() == [5.0]


def test_one_process_sums_nothing():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    buckets = GradientBuckets(torch.nn.ParameterList([weight]))
    buckets.start()
    weight.sum().backward()
    gradient = weight.grad
    buckets.finish()
    assert weight.grad is gradient
