"""The end of a training by SIGTERM, between two steps."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, NoReturn, TypeVar

from moeasr import distributed
from moeasr.rank_report import launcher_pid

BatchT = TypeVar("BatchT")
STOPPED_BY_SIGNAL = 128 + signal.SIGTERM  # as a shell reports a process ended by SIGTERM


class _StopWaiting(BaseException):
    """A SIGTERM while the trainer waits for a batch. Readers that catch `Exception` let it pass."""


class Stopper:
    """A handler of SIGTERM, which saves the state of the training and exits with status 143.

    Args:
        save: Function that saves the state from which a later run resumes.
    """

    def __init__(self, save: Callable[[], None]) -> None:
        self._save = save
        self._is_waiting = False
        self._launcher_pid = launcher_pid()
        self.is_requested = False
        """True after this process has received a SIGTERM."""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let a SIGTERM end the program between two steps instead of at once."""

        def request_stop(signum: int, frame: Any) -> None:
            self.is_requested = True
            if self._is_waiting:
                raise _StopWaiting

        previous = signal.signal(signal.SIGTERM, request_stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    def take(self, stream: Iterator[BatchT], count: int) -> list[BatchT]:
        """Take up to `count` batches from a stream.

        A SIGTERM ends a single process here, even if the next batch never comes. Several processes
        stop together in `stop_if_requested`.
        """
        try:
            self._is_waiting = distributed.world_size() == 1
            return list(islice(stream, count))
        except _StopWaiting:
            self._stop()
        finally:
            self._is_waiting = False

    def stop_if_requested(self) -> None:
        """Stop if any process has received a SIGTERM or lost its launcher.

        All processes call this at the same point. A training whose launcher was killed must not go
        on unseen.
        """
        has_launcher = self._launcher_pid == launcher_pid()
        if distributed.any_rank(self.is_requested or not has_launcher):
            self._stop()

    def _stop(self) -> NoReturn:
        self._save()
        raise SystemExit(STOPPED_BY_SIGNAL)
