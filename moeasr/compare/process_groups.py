"""Programs that run in parallel, each with its own log. They end when this program ends."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from moeasr.compare.recipe_run import typed
from moeasr.jobs.call_form import begin_log, end_log
from moeasr.jobs.endings import any_runs

GRACE_SEC = 90.0
"""The time for programs to end after SIGTERM. The `run.pl` of a recipe must not be killed while it
waits for its own jobs to end, which takes up to 30 seconds."""


class ProcessGroups:
    """A runner of programs, each in its own session, so that it can end all their processes.

    The methods may be called from several threads.
    """

    def __init__(self, grace_sec: float = GRACE_SEC) -> None:
        self._grace_sec = grace_sec
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.is_stopped = False
        """True once `stop` was called."""

    def run(self, command: Sequence[str], log: Path) -> int:
        """Run a program to its end, with its output in a log in the format of `run.pl`.

        Returns:
            The exit code, or minus the number of the signal that ended the program.
        """
        start = time.monotonic()
        begin_log(log, typed(command))
        with open(log, "a") as out:
            code = self._wait(command, out.fileno())
        end_log(log, code, int(time.monotonic() - start))
        return code

    def stop(self) -> None:
        """End all running programs with all their processes, and refuse to start others."""
        with self._lock:
            self.is_stopped = True
            running = list(self._running)
        for last_resort in (signal.SIGTERM, signal.SIGKILL):
            for process in running:
                with suppress(ProcessLookupError, PermissionError):  # the group has just ended
                    os.killpg(process.pid, last_resort)
            deadline = time.monotonic() + self._grace_sec
            while any_runs({process.pid for process in running}) and time.monotonic() < deadline:
                time.sleep(0.05)

    def _wait(self, command: Sequence[str], out: int) -> int:
        with self._lock:
            if self.is_stopped:
                return -signal.SIGTERM
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            self._running.add(process)
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code
