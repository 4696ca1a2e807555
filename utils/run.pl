#!/usr/bin/env python3
r"""Run a command, or several numbered commands in parallel, on this machine, each with a log file.

    run.pl some.log my-prog "--opt=foo bar" foo \| other-prog baz
    run.pl --max-jobs-run 4 JOB=1:20 log/some.JOB.log my-prog input.JOB output.JOB

Bash runs the arguments after the log file. Arguments with white space are quoted. With JOB=1:20,
where the name is arbitrary, the number of the job replaces the name in the log file and in the
command. If a job fails, run.pl prints the names of the logs and exits with status 1.

Options:
  --max-jobs-run n, -tc n         # maximum number of parallel jobs (default: the number of CPUs)
  --gpu n                         # if n is not 0, as many parallel jobs as there are GPUs
  --pick all|failed|incomplete    # jobs to run by the logs of an earlier call: all, all but the
                                  # successful ones, or the unfinished ones (default: all)
Options of queue.pl are accepted without effect: -V, -sync y, -pe smp n, and any other -x or --x
with one argument.

Intended differences from Kaldi's script: log names may contain spaces, and the jobs end when run.pl
is interrupted or terminated.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

USAGE = """Usage: run.pl [options] [JOB=1:<n>] <log-file> <command> [<argument> ...]
e.g.:  run.pl JOB=1:4 log/some.JOB.log my-prog input.JOB output.JOB"""
DIED = 255  # status of wrong usage, as in Perl; after 1, a failed job, retry.pl would retry
GPU_LIST_SEC = 30.0  # a broken driver may never answer
GRACE_SEC = 30.0  # from SIGTERM to SIGKILL of the jobs, so that a training can save its state


def die(message: str) -> None:
    """Print a message about wrong usage of run.pl and exit."""
    print(message, file=sys.stderr)
    sys.exit(DIED)


@dataclass
class Options:
    """Options before the log file."""

    max_jobs_run: int | None = None
    gpu: str = ""
    pick: str = "all"
    job_name: str | None = None
    first: int = 1
    last: int = 1


def take(arguments: list[str], switch: str) -> str:
    """Remove and return the argument of an option."""
    if not arguments:
        die(f"run.pl: option {switch} requires a value")
    return arguments.pop(0)


def take_switch(arguments: list[str], options: Options) -> None:
    """Remove one option, with its arguments, from the front of the command line."""
    switch = arguments.pop(0)
    if switch == "-V":
        return
    value = take(arguments, switch)
    if switch in ("--max-jobs-run", "-tc"):
        if not value.isdigit() or int(value) == 0:
            die(f"run.pl: invalid option --max-jobs-run {value}")
        options.max_jobs_run = min(int(value), options.max_jobs_run or int(value))
        return
    if value.startswith("--"):
        print(
            f"run.pl: WARNING: suspicious argument '{value}' to {switch}; starts with '-'",
            file=sys.stderr,
        )
    if switch == "-pe":
        take(arguments, switch)
    elif switch == "--gpu":
        options.gpu = value
    elif switch == "--pick":
        if value not in ("all", "failed", "incomplete"):
            die(f"run.pl: --pick must be all, failed or incomplete, but is '{value}'")
        options.pick = value


def parse_arguments(arguments: list[str]) -> tuple[Options, list[str]]:
    """Return the options of the command line, and the log file and command."""
    if len(arguments) < 2:
        die(USAGE)
    options = Options()
    for _ in range(2):  # options may precede and follow JOB=1:n
        while len(arguments) >= 2 and arguments[0].startswith("-"):
            take_switch(arguments, options)
        if not arguments:
            die(USAGE)
        match = re.fullmatch(r"([A-Za-z_]\w*)=(\d+)(?::(\d+))?", arguments[0])
        if match:
            spec = arguments.pop(0)
            options.job_name = match[1]
            options.first, options.last = int(match[2]), int(match[3] or match[2])
            if options.first > options.last:
                die(f"run.pl: invalid job range {spec}")
            if options.first == 0:
                die(f"run.pl: invalid job range {spec}, start must be strictly positive")
        elif re.match(r".+=.*:", arguments[0]):
            print(
                f"run.pl: Warning: suspicious first argument to run.pl: {arguments[0]}",
                file=sys.stderr,
            )
    if len(arguments) < 2:
        die(USAGE)
    return options, arguments


def count_gpus() -> int:
    """Return the number of GPUs that nvidia-smi lists, at least 1."""
    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=GPU_LIST_SEC
        )
        num_gpus = len(listing.stdout.splitlines())
    except (OSError, subprocess.TimeoutExpired):
        num_gpus = 0
    if num_gpus == 0:
        print(
            "run.pl: Warning: nvidia-smi lists no GPUs; one job runs at a time",
            file=sys.stderr,
        )
    return max(num_gpus, 1)


def max_parallel(options: Options) -> int:
    """Return the maximum number of parallel jobs."""
    if options.max_jobs_run is not None:
        return options.max_jobs_run
    if options.gpu not in ("", "0"):
        return count_gpus()
    num_cpus = os.cpu_count() or 10
    num_jobs = options.last - options.first + 1
    # Starting a few more jobs than CPUs is faster than a second round with most CPUs idle.
    return num_jobs if num_jobs < 1.4 * num_cpus else num_cpus


def quote(argument: str) -> str:
    r"""Quote an argument with white space for bash; others, such as `\|` and `\>`, stay active."""
    if re.fullmatch(r"\S+", argument):
        return argument
    if '"' not in argument:
        return f'"{argument}"'
    escaped = argument.replace("'", "'\\''")
    return f"'{escaped}'"


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


def date() -> str:
    """Return the time in the format of date(1)."""
    return time.strftime("%a %b %e %H:%M:%S %Z %Y")


def group_runs(group: int) -> bool:
    """Return whether a process of a group runs; the shell of a job ends before its processes."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, member_of = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # the process has just ended
            continue
        if int(member_of) == group and state != "Z":
            return True
    return False


class Stopped(Exception):
    """The arrival of a signal that asks run.pl to end."""


class Runner:
    """A runner of jobs in threads, which can end all of them."""

    def __init__(self, options: Options, log: str, command: str) -> None:
        """Keep the options, and the log name and the command, which contain the job name."""
        self.options, self.log, self.command = options, log, command
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def numbered(self, template: str, number: int) -> str:
        """Return a template with the job number in place of the job name."""
        name = self.options.job_name
        return template.replace(name, str(number)) if name else template

    def run(self, number: int) -> bool:
        """Run a job and return whether its exit status is 0."""
        log = Path(self.numbered(self.log, number))
        command = self.numbered(self.command, number)
        skip = picked(log, self.options.pick)
        if skip is not None:
            return skip
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"# {command}\n# Started at {date()}\n#\n", errors="surrogateescape")
        start = time.time()
        code = self._call(f"( {command}\n)\n", log)
        seconds = int(time.time()) - int(start)
        ended = f"code {code}" if code >= 0 else f"code 0; signal {-code}"
        with open(log, "a") as out:
            out.write(f"# Accounting: time={seconds} threads=1\n")
            out.write(f"# Ended ({ended}) at {date()}, elapsed time {seconds} seconds\n")
        return code == 0

    def _call(self, script: str, log: Path) -> int:
        """Run a script in bash with a log; return the exit code, or the negative signal number."""
        with open(log, "ab") as out, self._lock:
            if self._stopped:
                return -signal.SIGTERM
            # A new session lets `stop` reach all processes that the command starts. The script is
            # sent through a pipe, because an argument is limited to 128 KB.
            process = subprocess.Popen(
                ["bash"], stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True
            )
            self._running.add(process)
        process.communicate(script.encode(errors="surrogateescape"))
        with self._lock:
            self._running.discard(process)
        return process.returncode

    def stop(self) -> None:
        """End all running jobs and prevent further ones."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        if running:
            print(f"run.pl: waiting up to {GRACE_SEC:.0f} s for its jobs to end", file=sys.stderr)
        for last_resort in (signal.SIGTERM, signal.SIGKILL):
            for process in running:
                try:
                    os.killpg(process.pid, last_resort)
                except (ProcessLookupError, PermissionError):  # the group has just ended
                    continue
            deadline = time.monotonic() + GRACE_SEC
            while any(group_runs(job.pid) for job in running) and time.monotonic() < deadline:
                time.sleep(0.05)


def report(options: Options, log: str, num_failed: int) -> None:
    """Print the logs of failed jobs to standard error."""
    num_jobs = options.last - options.first + 1
    if num_jobs > 1:
        logs = log.replace(options.job_name or "", "*")
        print(f"run.pl: {num_failed} / {num_jobs} failed, log is in {logs}", file=sys.stderr)
        return
    if options.job_name:
        log = log.replace(options.job_name, str(options.first))
    print(f"run.pl: job failed, log is in {log}", file=sys.stderr)
    if "JOB" in log:
        print("run.pl: the call probably lacks JOB=1:$nj before the log file", file=sys.stderr)


def stop_on(signum: int, _frame: FrameType | None) -> None:
    """Handle a signal: end the wait of the main thread."""
    raise Stopped(signum)


def main() -> None:
    """Run the jobs of the command line."""
    options, (log, *words) = parse_arguments(sys.argv[1:])
    if options.last > options.first and options.job_name not in log:
        print(
            f"run.pl: parallel jobs need one log file each, but {log} does not contain "
            f"{options.job_name}",
            file=sys.stderr,
        )
        sys.exit(1)
    runner = Runner(options, log, "".join(quote(word) + " " for word in words))
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop_on)
    pool = ThreadPoolExecutor(max_parallel(options))
    try:
        futures = [pool.submit(runner.run, n) for n in range(options.first, options.last + 1)]
        wait(futures, return_when=FIRST_EXCEPTION)
        num_failed = sum(not future.result() for future in futures if future.done())
    except Stopped as stopped:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        pool.shutdown(wait=False, cancel_futures=True)
        runner.stop()
        sys.exit(128 + stopped.args[0])
    except (OSError, RuntimeError) as error:  # a log that cannot be written; too many processes
        pool.shutdown(wait=False, cancel_futures=True)
        runner.stop()
        if getattr(error, "filename", None) in (None, "bash"):
            die(f"run.pl: cannot start a job: {error}; --max-jobs-run limits parallel jobs")
        die(f"run.pl: the log file {error.filename} cannot be written: {error.strerror}")
    if num_failed:
        report(options, log, num_failed)
        sys.exit(1)


if __name__ == "__main__":
    main()
