"""Settings and hooks that all tests share."""

import os
import signal
from collections import Counter
from collections.abc import Iterator

# Tests run side by side: one thread each, also in the processes that they start. PyTorch reads this
# when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest  # noqa: E402
import torch  # noqa: E402

# A shell starts its background jobs with SIGINT ignored, which all programs below it inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

HANG_SEC = 120
NUM_SLOWEST = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip GPU tests where there is no GPU, and start with the files that have slow tests.

    Files are distributed over the cores in this order, so short files fill the gaps at the end.
    Every process collects the tests for itself and must find the same ones: parameters of tests
    hold no sets, random numbers or times of day.
    """
    gpu_items = [item for item in items if item.get_closest_marker("gpu")]
    if gpu_items and not torch.cuda.is_available():
        for item in gpu_items:
            item.add_marker(pytest.mark.skip(reason="PyTorch finds no GPU on this machine"))
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the files that took longest: most of the time is in many short tests of a file."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):  # set-up, call and tear-down are one each
                seconds[report.location[0]] += report.duration
    slowest = [entry for entry in seconds.most_common(NUM_SLOWEST) if entry[1] >= 1.0]
    if slowest:
        terminalreporter.section(f"seconds of the {len(slowest)} slowest files")
        for name, sec in slowest:
            terminalreporter.write_line(f"{sec:8.1f} {name}")


@pytest.fixture(autouse=True)
def _one_thread_and_a_fixed_seed():
    """Give each test one thread and the same random numbers every time."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def fails_rather_than_hangs() -> Iterator[None]:
    """End the test with an error after `HANG_SEC`."""

    def give_up(signum: int, frame: object) -> None:
        raise TimeoutError(f"the test was still waiting after {HANG_SEC} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANG_SEC)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
