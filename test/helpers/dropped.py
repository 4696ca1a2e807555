"""Checks of dropout, on values that are known."""

import math

import torch
from torch import Tensor

RATES = [0.0, 0.25, 1.0]


def assert_dropped(found: Tensor, rate: float, value: float) -> None:
    """Raise `AssertionError` unless dropout of this rate made `found` of equal values.

    Each element must be 0 with probability `rate`, else value / (1 - rate). The share of zeros is
    further than five standard deviations from the rate once in a million draws.

    Args:
        found: Elements that are dropped independently of each other.
        rate: The dropout rate.
        value: The value of each element before dropout, not 0.
    """
    is_dropped = found.detach().abs() < 1e-9 * abs(value)
    share = float(is_dropped.double().mean())
    assert abs(share - rate) <= 5 * math.sqrt(rate * (1 - rate) / found.numel()), share
    kept = found.detach()[~is_dropped]
    if rate < 1:
        torch.testing.assert_close(kept, torch.full_like(kept, value / (1 - rate)))
