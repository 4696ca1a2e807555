"""Fast dropout has the distribution of dropout."""

import pytest
import torch

from moeasr.nn.dropout import Dropout, draw_kept

CPU = torch.device("cpu")


@pytest.mark.parametrize("rate", [0.0, 0.003, 0.1, 0.5, 0.9])
def test_as_many_are_dropped_as_wanted_in_every_lane(rate):
    kept = draw_kept((100, 4000), rate, CPU)
    assert kept.dtype == torch.uint8
    assert set(kept.unique().tolist()) <= {0, 1}
    deviation = (rate * (1 - rate) / 1e5) ** 0.5
    for lane in range(4):
        assert abs(1 - float(kept.flatten()[lane::4].double().mean()) - rate) <= 5 * deviation


def test_neighbours_do_not_know_of_each_other():
    kept = draw_kept((400000,), 0.5, CPU).double() - 0.5
    for distance in (1, 2, 3, 4, 5):
        product = (kept[:-distance] * kept[distance:]).mean() * 4
        assert abs(float(product)) < 5 / 400000**0.5


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 5), (2, 0, 3), (7,)])
def test_any_shape(shape):
    assert draw_kept(shape, 0.3, CPU).shape == shape


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0 - 1e-9, 1.0])
def test_values_and_gradients_are_those_of_dropout(rate):
    x = torch.rand(60, 500, dtype=torch.float64, requires_grad=True)
    y = Dropout(rate)(x)
    y.sum().backward()
    zero = y == 0
    assert abs(float(zero.double().mean()) - rate) < 0.02
    kept = x / (1 - rate) if rate < 1 else x
    torch.testing.assert_close(y[~zero], kept[~zero])
    gain = 1 / (1 - rate) if rate < 1 else 0.0
    torch.testing.assert_close(x.grad, torch.where(zero, 0.0, gain).double())


def test_evaluation_drops_nothing():
    x = torch.rand(10, 10)
    assert Dropout(0.5).eval()(x) is x
