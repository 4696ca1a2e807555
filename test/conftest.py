"""Settings all tests share."""

import signal
from collections.abc import Iterator

import pytest
import torch

HANG_SEC = 60


@pytest.fixture(autouse=True)
def _one_thread_and_a_fixed_seed():
    """Tests run beside each other: one thread each, and the same numbers every time."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def fails_rather_than_hangs() -> Iterator[None]:
    """End the test with an error if it takes a minute."""

    def give_up(signum: int, frame: object) -> None:
        raise TimeoutError(f"the test was still waiting after {HANG_SEC} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANG_SEC)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
