"""Work that a training leaves to a thread, such as writing its state while it goes on."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress


class Background:
    """A thread that does one piece of work at a time. Its errors are raised in the main thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")
        self._work: Future[None] | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Start a piece of work after the previous one has finished, and return at once."""
        self.wait()
        self._work = self._thread.submit(work)

    def check(self) -> None:
        """Raise the error of the work if it has failed. This function does not wait."""
        if self._work is not None and self._work.done():
            self.wait()

    def wait(self) -> None:
        """Wait until the work has finished, and raise its error."""
        work, self._work = self._work, None
        if work is not None:
            work.result()

    @contextmanager
    def finished(self) -> Iterator[None]:
        """Wait for the work at the end of the block. An error of the block takes precedence."""
        try:
            yield
        except BaseException:
            with suppress(Exception):
                self.wait()
            raise
        self.wait()
