"""The tolerance of the numeric tests is in units of rounding, neither more nor less."""

import pytest
import torch
from rounding import FBANK_STEPS, assert_close, log_mel_scale

EPS = 2.0**-23


def test_steps_count_units_of_the_largest_value():
    expected = torch.tensor([1.0, 8.0])
    assert_close(expected + 8 * 3 * EPS, expected, 3)
    with pytest.raises(AssertionError, match="found: differs by up to 3.81e-06, 4 units"):
        assert_close(expected + 8 * 4 * EPS, expected, 3)


def test_steps_may_count_units_of_each_value_and_of_float64():
    expected = torch.tensor([1.0, 8.0])
    with pytest.raises(AssertionError, match="8 units of rounding"):
        assert_close(torch.tensor([1.0 + 8 * EPS, 8.0]), expected, 3, expected.abs())
    with pytest.raises(AssertionError):
        assert_close(expected.double() + 1e-9, expected.double(), 3, dtype=torch.float64)


def test_no_steps_is_equality():
    assert_close(torch.ones(2), torch.ones(2), 0)
    with pytest.raises(AssertionError):
        assert_close(torch.ones(2) + EPS, torch.ones(2), 0)


@pytest.mark.parametrize("spoilt", [float("nan"), float("inf")])
def test_what_is_not_finite_is_close_to_nothing(spoilt):
    with pytest.raises(AssertionError):
        assert_close(torch.tensor([spoilt]), torch.ones(1), 3)
    with pytest.raises(AssertionError):
        assert_close(torch.ones(1), torch.tensor([spoilt]), 3)


def test_shapes_must_agree():
    with pytest.raises(AssertionError, match="expected"):
        assert_close(torch.ones(1), torch.ones(2), 3)


def test_another_processors_filter_banks_are_close():
    """Another processor was off by 1.14e-5 in a weak bin of 11; strong bins must be nearer."""
    feats = torch.tensor([[24.0, 11.0]])
    other = torch.tensor([[24.0, 11.0 + 1.14e-5]])
    assert_close(other, feats, FBANK_STEPS, log_mel_scale(feats))
    other = torch.tensor([[24.0 + 1e-4, 11.0]])
    with pytest.raises(AssertionError):
        assert_close(other, feats, FBANK_STEPS, log_mel_scale(feats))
