"""The exponential moving average of the weights."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from moeasr.errors import InputError
from moeasr.train.config import EmaConfig
from moeasr.train.weight_average import WeightAverage


class Shared(nn.Module):
    """A parameter with two names, a constant buffer and a counter."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(1, 1, bias=False).double()
        self.other = self.one
        self.register_buffer("constant", torch.tensor([0.1]))
        self.register_buffer("count", torch.tensor(0))


def train(average, model, *values):
    for value in values:
        model.one.weight.data.fill_(value)
        model.count += 1
        average.update(model)


def test_the_average_starts_at_the_first_step_and_decays():
    model = Shared()
    average = WeightAverage(model, 0.75)
    train(average, model, 8.0, 4.0, 1.0)
    weights = average.weights()
    assert float(weights["one.weight"]) == 0.75 * (0.75 * 8 + 0.25 * 4) + 0.25 * 1 == 5.5
    assert weights.keys() == model.state_dict().keys()
    assert weights["other.weight"].data_ptr() == weights["one.weight"].data_ptr()
    assert torch.equal(weights["constant"], model.constant)
    assert int(weights["count"]) == 3
    assert model.one.weight.item() == 1.0


def test_a_restored_average_goes_on_bit_for_bit():
    models = [Shared(), Shared()]
    whole, first, second = (WeightAverage(models[0], 0.9) for _ in range(3))
    train(whole, models[0], 0.3, 0.7, 0.1, 0.9)
    train(first, models[1], 0.3, 0.7)
    second.load(first.state(), models[1])
    train(second, models[1], 0.1, 0.9)
    for name, tensor in whole.weights().items():
        assert torch.equal(tensor, second.weights()[name])


def test_an_average_that_is_switched_on_later_starts_at_the_weights_of_then():
    model = Shared()
    model.one.weight.data.fill_(2.0)
    average = WeightAverage(model, 0.5)
    average.load(None, model)
    train(average, model, 4.0)
    assert float(average.weights()["one.weight"]) == 3.0


def test_decay_1_is_refused():
    with pytest.raises(InputError, match="`decay` must be from 0 to below 1, but is 1"):
        EmaConfig(decay=1.0)


def test_averages_stored_by_torch_are_restored():
    """Experiments before this version stored the state of `AveragedModel`."""
    model = Shared()
    old = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    new = WeightAverage(model, 0.5)
    for value in (2.0, 4.0):
        model.one.weight.data.fill_(value)
        old.update_parameters(model)
        new.update(model)
    stored = old.state_dict()
    assert stored.keys() == new.state().keys()
    assert all(torch.equal(stored[name], value) for name, value in new.state().items())
    again = WeightAverage(Shared(), 0.5)
    again.load(stored, model)
    assert all(torch.equal(stored[name], value) for name, value in again.state().items())
