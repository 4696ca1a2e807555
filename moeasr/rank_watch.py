"""Monitoring of the processes of a training by their launcher: reports, and stopped processes."""

import os
import select
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from moeasr.atomic import temporary_directory
from moeasr.rank_report import TIMED_OUT, Report, announced, parse_report

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

STOPPED_SEC = 15.0
"""Time after which a process that was stopped, as by SIGSTOP, is killed."""
CHECK_SEC = 0.5
"""Time between two checks of the processes."""
FIRST_SEC = 10
"""Longest time between the first failure and others of the same cause. Processes that ignore
SIGTERM are killed by torchrun later than this."""
STOPPED_BY_SIGTERM = (-signal.SIGTERM, 128 + signal.SIGTERM)


@contextmanager
def watched_ranks(stopped_sec: float = STOPPED_SEC) -> Iterator["RankWatch"]:
    """Monitor the processes that the block starts as children of this process.

    A process that has been stopped for `stopped_sec` is killed, because the others would wait for
    it. If the block raises an exception, all remaining processes of the training are killed.

    A process is recognised by the environment variable RANK, and its state is read from `/proc`.
    Without `/proc`, only reports are received.

    Args:
        stopped_sec: Time after which a stopped process is killed. Time in which the launcher itself
            was stopped does not count.
    """
    with temporary_directory(tempfile.gettempdir(), "moeasr_launch") as folder:
        path = folder / "reports"
        os.mkfifo(path)
        pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        watch = RankWatch(pipe, stopped_sec)
        thread = threading.Thread(target=watch.run, daemon=True)
        try:
            with announced(str(path)):
                thread.start()
                yield watch
        except BaseException:
            watch.kill_groups()
            raise
        finally:
            watch.finish()
            thread.join()
            os.close(pipe)


class RankWatch:
    """A monitor of the processes of a training on this machine, and of the reasons why they end.

    Args:
        pipe: Handle of the pipe for reports, which does not block.
        stopped_sec: Time after which a stopped process is killed.
    """

    def __init__(self, pipe: int, stopped_sec: float) -> None:
        self._pipe = pipe
        self._stopped_sec = stopped_sec
        self._is_finished = threading.Event()
        self._unread = b""
        self._reports: list[Report] = []
        self.pids: dict[int, int] = {}
        """Process ids by rank, also of processes that have ended."""
        self._num_stopped: dict[int, int] = {}
        self._killed: list[int] = []

    def run(self) -> None:
        """Read reports and check the processes until `finish` is called."""
        next_check = time.monotonic()
        while not self._is_finished.is_set():
            select.select([self._pipe], [], [], max(0.0, next_check - time.monotonic()))
            self._receive()
            if time.monotonic() >= next_check:
                self._check()
                next_check = time.monotonic() + CHECK_SEC
        self._receive()

    def finish(self) -> None:
        """End `run`."""
        self._is_finished.set()
        os.write(self._pipe, b"\n")

    def kill_groups(self) -> None:
        """Kill all processes, and those that they have started and left behind."""
        for pid in self.pids.values():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def describe(self, failures: Mapping[int, "ProcessFailure"]) -> str:
        """Return one sentence about the process that ended the training, and the cause.

        Args:
            failures: The failures by rank, as torchrun reports them.
        """
        for report in self._reports:
            if report.kind == "failed":
                return f"process {report.rank} failed, and the others were stopped: {report.text}"
        for rank in self._killed:
            return (
                f"process {rank} was stopped by a signal (SIGSTOP?) and did not continue for "
                f"{self._stopped_sec:g} s; it was killed, and the others were stopped"
            )
        explained = {report.rank for report in self._reports}
        first_sec = min(failure.timestamp for failure in failures.values())
        for rank, failure in failures.items():
            is_first = failure.timestamp <= first_sec + FIRST_SEC
            if is_first and rank not in explained and failure.exitcode not in STOPPED_BY_SIGTERM:
                return f"process {rank} {_end_of(failure)}"
        lost = [report for report in self._reports if report.kind == "lost"]
        if lost:
            silent = sorted(set(self.pids) - {report.rank for report in lost})
            names = " and ".join(f"process {rank}" for rank in silent)
            is_known = names and TIMED_OUT in lost[0].text
            return lost[0].text + (f"; {names} did not respond" if is_known else "")
        return f"process {min(failures)} was stopped by SIGTERM, and so were the others"

    def _receive(self) -> None:
        """Read the reports in the pipe."""
        with suppress(BlockingIOError):
            while received := os.read(self._pipe, 1 << 16):
                *lines, self._unread = (self._unread + received).split(b"\n")
                self._reports += filter(None, map(parse_report, lines))

    def _check(self) -> None:
        """Find new processes, and kill those that have been stopped for too long."""
        living = ranks_of(os.getpid())
        self.pids |= living
        for rank, pid in living.items():
            is_stopped = _state(pid) == "T"
            self._num_stopped[rank] = self._num_stopped.get(rank, 0) + 1 if is_stopped else 0
            if self._num_stopped[rank] * CHECK_SEC >= self._stopped_sec:
                self._killed.append(rank)
                self._num_stopped[rank] = 0
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def ranks_of(launcher_pid: int) -> dict[int, int]:
    """Return the process ids, by rank, of the processes that a launcher's main thread started."""
    children = ""
    with suppress(OSError):
        children = Path(f"/proc/{launcher_pid}/task/{launcher_pid}/children").read_text()
    ranks = ((_rank_of(pid), pid) for pid in map(int, children.split()))
    return {rank: pid for rank, pid in ranks if rank is not None}


def _end_of(failure: "ProcessFailure") -> str:
    """Describe the end of a process that sent no report."""
    if failure.exitcode >= 0:
        return (
            f"ended with status {failure.exitcode}, and the others were stopped; its own message "
            "appears above"
        )
    advice = "; is there enough memory?" if failure.exitcode == -signal.SIGKILL else ""
    return f"was killed by {failure.signal_name()}, and the others were stopped{advice}"


def _rank_of(pid: int) -> int | None:
    """Return the rank of a process that leads a process group of its own; None for any other."""
    with suppress(OSError):
        if os.getpgid(pid) == pid:
            for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                name, _, value = variable.partition(b"=")
                if name == b"RANK" and value.isdigit():
                    return int(value)
    return None


def _state(pid: int) -> str:
    """Return the letter of a process's state, such as T if a signal stopped it; "" if unknown."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    return ""
