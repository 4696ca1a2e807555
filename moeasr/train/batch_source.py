"""The interface of sources of batches, from which a training reads."""

from collections.abc import Generator, Sequence
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

    def leave_out(self, epoch: int, parts: Sequence[tuple[int, int]]) -> None:
        """Omit the batches of an epoch that earlier runs with other numbers of processes finished.

        The remaining batches are divided among the present processes, and `num_batches` and `start`
        count only these. Only a training that resumes with another number of processes calls this.

        Args:
            epoch: Number of the epoch.
            parts: For each earlier run, the number of processes and the number of batches that each
                of them has finished.
        """
        ...
