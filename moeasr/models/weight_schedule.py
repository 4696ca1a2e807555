"""A schedule of the weight of a loss, as a pure function of the optimizer step."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from moeasr.errors import InputError
from moeasr.ranges import check_fraction

Points = Sequence[Sequence[float]]
"""Pairs of an optimizer step and the weight at this step, in the order of the steps."""


def check_schedule(name: str, points: Points, final: float) -> None:
    """Raise `InputError` unless `points` are a valid schedule that ends with the weight `final`."""
    if any(len(point) != 2 for point in points):
        raise InputError(f"`{name}` must be a list of pairs [step, weight]")
    for _, weight in points:
        check_fraction(f"{name}: weight", weight)
    steps = [step for step, _ in points]
    if not all(0 <= step < math.inf for step in steps) or any(
        one >= other for one, other in pairwise(steps)
    ):
        raise InputError(f"the steps of `{name}` must be 0 or more and ascend, but are {steps}")
    if points[-1][1] != final:
        raise InputError(
            f"the last weight of `{name}` must be {final}, with which dev losses are computed, but "
            f"is {points[-1][1]}"
        )


def weight_at(step: int, points: Points) -> float:
    """Interpolate a schedule linearly; before its first and after its last point it is constant."""
    after = bisect_right([point[0] for point in points], step)
    if after in (0, len(points)):
        return points[max(after - 1, 0)][1]
    (left, weight), (right, next_weight) = points[after - 1 : after + 1]
    return weight + (next_weight - weight) * (step - left) / (right - left)
