"""The ranking of epochs by their cost on development data."""

import math
from collections.abc import Iterable
from typing import Protocol, TypeVar


class Scored(Protocol):
    """An epoch with a cost."""

    @property
    def epoch(self) -> int:
        """Number of the epoch, from 1."""
        ...

    @property
    def cost(self) -> float:
        """The value by which epochs are ranked, see `moeasr.train.evaluation.Evaluation.cost`."""
        ...


ScoredT = TypeVar("ScoredT", bound=Scored)


def rank_epochs(epochs: Iterable[ScoredT]) -> list[ScoredT]:
    """Return epochs with the best first.

    The later of two epochs with equal costs is better. A cost that is not a number is the worst.
    """
    return sorted(epochs, key=lambda e: (math.inf if math.isnan(e.cost) else e.cost, -e.epoch))
