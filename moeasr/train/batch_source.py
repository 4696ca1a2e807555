"""The interface of sources of batches, from which a training reads."""

from collections.abc import Generator
from typing import Protocol, TypeVar

BatchT = TypeVar("BatchT")


class BatchSource(Protocol[BatchT]):
    """A source of batches, whose batches and order depend only on the epoch."""

    def num_batches(self, epoch: int) -> int:
        """Return the number of batches of this process in an epoch.

        In training, all processes must have equally many batches.
        """
        ...

    def stream(self, epoch: int, start: int) -> Generator[BatchT, None, None]:
        """Yield the batches of an epoch from number `start` on, without loading earlier ones."""
        ...
