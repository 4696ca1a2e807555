"""Gradients of a step: the mean over utterances, clipped."""

import pytest
import torch
from torch import nn

from moeasr.train.gradients import finish_gradients


def model_with_gradients(first, second):
    model = nn.ParameterList(nn.Parameter(torch.ones(len(g))) for g in (first, second))
    for parameter, gradient in zip(model, (first, second), strict=True):
        parameter.grad = torch.tensor(gradient)
    return model


def test_sums_become_means_over_utterances():
    model = model_with_gradients([12.0, 0.0], [16.0])
    assert finish_gradients(model, torch.tensor(4.0), max_norm=100.0) == 5.0  # of (3, 0, 4)
    assert [p.grad.tolist() for p in model] == [[3.0, 0.0], [4.0]]


def test_a_larger_mean_is_scaled_down_to_the_norm_and_the_norm_before_is_returned():
    model = model_with_gradients([12.0, 0.0], [16.0])
    assert finish_gradients(model, torch.tensor(4.0), max_norm=2.5) == 5.0
    gradients = torch.cat([p.grad for p in model]).tolist()
    assert gradients == pytest.approx([1.5, 0.0, 2.0], rel=1e-5)  # clipping adds 1e-6 to the norm


def test_a_parameter_without_a_gradient_keeps_none():
    model = model_with_gradients([3.0], [4.0])
    model[1].grad = None
    assert finish_gradients(model, torch.tensor(1.0), max_norm=9.0) == 3.0
    assert model[1].grad is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_norm_is_returned_of_gradients_that_are_not_finite(value):
    model = model_with_gradients([value], [1.0])
    assert finish_gradients(model, torch.tensor(1.0), max_norm=1.0) is None


def test_no_norm_is_returned_without_utterances():
    model = model_with_gradients([1.0], [1.0])
    assert finish_gradients(model, torch.tensor(0.0), max_norm=1.0) is None
