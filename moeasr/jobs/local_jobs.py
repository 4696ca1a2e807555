"""Jobs that run in parallel as processes of this machine, each with a log file."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, Protocol

from moeasr.jobs.call_form import JobCall, begin_log, end_log
from moeasr.jobs.endings import Interrupted, any_runs, interruptible

GPU_LIST_SEC = 30.0  # a broken driver may never answer
GRACE_SEC = 30.0  # from SIGTERM to SIGKILL of the jobs, so that a training can save its state


class Place(Protocol):
    """The machines on which jobs run."""

    def take(self) -> str:
        """Return the name of a machine for a job, waiting for one; "" for this machine."""
        ...

    def give_back(self, machine: str) -> None:
        """Return the machine of a job that has ended."""
        ...

    def command(self, machine: str) -> list[str]:
        """Return the command that reads a script for a machine from standard input."""
        ...

    def send(self, process: "subprocess.Popen[bytes]", script: bytes) -> None:
        """Send a script to the process of `command`, and wait until that process has ended."""
        ...

    def interrupt(self, process: "subprocess.Popen[bytes]") -> None:
        """Ask a job to end, with everything that it has started."""
        ...


class ThisMachine:
    """The machine of the job runner."""

    def take(self) -> str:
        """Return "", because the log need not name the machine."""
        return ""

    def give_back(self, machine: str) -> None:
        """Do nothing; `max_parallel` limits the number of jobs."""

    def command(self, machine: str) -> list[str]:
        """Return the command that runs a script from standard input."""
        return ["bash"]

    def send(self, process: "subprocess.Popen[bytes]", script: bytes) -> None:
        """Send the script through a pipe, because an argument is limited to 128 KB."""
        process.communicate(script)

    def interrupt(self, process: "subprocess.Popen[bytes]") -> None:
        """Send SIGTERM to all processes of a job."""
        os.killpg(process.pid, signal.SIGTERM)


class Runner:
    """A runner of jobs in threads, which can end all of them.

    Args:
        call: The command line of the job runner.
        place: The machines on which the jobs run.
        pick: The jobs to run, by the logs of an earlier call: all, failed or incomplete.
    """

    def __init__(self, call: JobCall, place: Place, pick: str = "all") -> None:
        self._call, self._place, self._pick = call, place, pick
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_stopped = False

    def run_all(self, max_parallel: int) -> NoReturn:
        """Run all jobs and exit, with status 1 if a job has failed.

        SIGINT, SIGTERM and SIGHUP end the jobs first.
        """
        pool = ThreadPoolExecutor(max_parallel)
        with interruptible():
            try:
                futures = [pool.submit(self.run, number) for number in self._call.numbers]
                wait(futures, return_when=FIRST_EXCEPTION)
                num_failed = sum(not future.result() for future in futures if future.done())
                self._call.report(num_failed)
            except Interrupted as interrupted:
                pool.shutdown(wait=False, cancel_futures=True)
                self.stop()
                sys.exit(128 + interrupted.args[0])
            except (OSError, RuntimeError) as error:  # no log can be written; too many processes
                pool.shutdown(wait=False, cancel_futures=True)
                self.stop()
                self._die(error)

    def _die(self, error: OSError | RuntimeError) -> NoReturn:
        """Exit because a job or its log cannot be started."""
        program = self._place.command("")[0]
        if getattr(error, "filename", None) in (None, program):
            self._call.die(f"cannot start a job: {error}; --max-jobs-run limits parallel jobs")
        self._call.die(f"the log file {error.filename} cannot be written: {error.strerror}")

    def run(self, number: int) -> bool:
        """Run a job and return whether its exit status is 0."""
        log = Path(self._call.numbered(self._call.log, number))
        skip = picked(log, self._pick)
        if skip is not None:
            return skip
        machine = self._place.take()
        try:
            command = self._call.numbered(self._call.command, number)
            with _naming(log):
                begin_log(log, command, machine=machine)
            start = time.time()
            code = self._run_script(f"( {command}\n)\n", log, machine)
            with _naming(log):
                end_log(log, code, int(time.time()) - int(start))
        finally:
            self._place.give_back(machine)
        return code == 0

    def _run_script(self, script: str, log: Path, machine: str) -> int:
        """Run a script with a log; return the exit code, or the negative signal number."""
        with open(log, "ab") as out, self._lock:
            if self._is_stopped:
                return -signal.SIGTERM
            # A new session lets `stop` reach all processes that the command starts.
            process = subprocess.Popen(
                self._place.command(machine),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            self._running.add(process)
        self._place.send(process, script.encode(errors="surrogateescape"))
        if process.returncode < 0:  # what it has started may still save its state
            self._wait_for([process])
        with self._lock:
            self._running.discard(process)
        return process.returncode

    def stop(self) -> None:
        """End all running jobs and prevent further ones."""
        with self._lock:
            self._is_stopped = True
            running = list(self._running)
        if running:
            self._call.say(f"waiting up to {GRACE_SEC:.0f} s for its jobs to end")
        for end in (self._place.interrupt, _kill):
            for process in running:
                try:
                    end(process)
                except (ProcessLookupError, PermissionError):  # the group has just ended
                    continue
            self._wait_for(running)

    def _wait_for(self, processes: "list[subprocess.Popen[bytes]]") -> None:
        """Wait until all processes of the jobs have ended, but not for ever."""
        deadline = time.monotonic() + GRACE_SEC
        while any_runs({job.pid for job in processes}) and time.monotonic() < deadline:
            time.sleep(0.05)


def max_parallel(call: JobCall, gpu: str) -> int:
    """Return the maximum number of parallel jobs on this machine.

    Args:
        call: The command line of the job runner.
        gpu: The argument of `--gpu`.
    """
    if call.max_jobs_run is not None:
        return call.max_jobs_run
    if gpu not in ("", "0"):
        return count_gpus(call)
    num_cpus = os.cpu_count() or 10
    # Starting a few more jobs than CPUs is faster than a second round with most CPUs idle.
    return len(call.numbers) if len(call.numbers) < 1.4 * num_cpus else num_cpus


def count_gpus(call: JobCall) -> int:
    """Return the number of GPUs that nvidia-smi lists, at least 1."""
    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=GPU_LIST_SEC
        )
        num_gpus = len(listing.stdout.splitlines())
    except (OSError, subprocess.TimeoutExpired):
        num_gpus = 0
    if num_gpus == 0:
        call.say("Warning: nvidia-smi lists no GPUs; one job runs at a time")
    return max(num_gpus, 1)


def picked(log: Path, pick: str) -> bool | None:
    """Return None if the job of a log must run, otherwise the success of its earlier run."""
    if pick == "all":
        return None
    try:
        ends = re.findall(r"# Ended \(code (.*?)\)", log.read_text(errors="replace"))
    except OSError:
        return None
    if not ends:
        return None
    if ends[-1] == "0":
        return True
    return None if pick == "failed" else False


@contextmanager
def _naming(log: Path) -> Iterator[None]:
    """Name a log in errors of the block: that of a full disk names no file, others a directory."""
    try:
        yield
    except OSError as error:
        error.filename = str(log)
        raise


def _kill(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
