"""Jobs that a batch system runs on other machines, which share the file system with this one.

Each job has a script beside its log, in `q/`. The script runs the command and then leaves a mark, a
file with the exit status. A job that the batch system no longer lists and that leaves no mark has
been killed; because a shared file system may show a mark late, the job runner waits for it a while.
"""

import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from moeasr.errors import InputError
from moeasr.jobs.call_form import JobCall
from moeasr.jobs.endings import SIGNALS, Interrupted, interruptible
from moeasr.jobs.queue_config import QueueConfig, parse_config
from moeasr.jobs.queues import SINGLE, Queue

SUBMIT_SEC = 600.0
"""The time limit for the program that submits a job."""

SCRIPT = r"""#!/bin/bash
# Written by {program}. It runs a job, and leaves its exit status in a file.
log={log}
{{
  printf '# %s\n' {command}
  echo "# Running on $(hostname)"
  echo "# Started at $(date '+%a %b %e %H:%M:%S %Z %Y')"
  echo '#'
}} >"$log"
start=$(date +%s)
(
cd {directory} || exit 1
[ ! -f path.sh ] || . ./path.sh || exit 1
( {body}
)
) >>"$log" 2>&1 </dev/null
status=$?
seconds=$(($(date +%s) - start))
{{
  echo "# Accounting: time=$seconds threads={num_threads}"
  echo "# Ended (code $status) at $(date '+%a %b %e %H:%M:%S %Z %Y'), elapsed time $seconds seconds"
}} >>"$log"
echo $status >{mark}.new && mv {mark}.new {mark}
[ $status -eq 0 ] # other values have a meaning for some batch systems
"""


@dataclass(frozen=True)
class Patience:
    """The times, in seconds, that the job runner waits between its looks at the jobs."""

    look: float = 1.0
    """Between looks for marks."""
    ask: float = 15.0
    """Between questions to the batch system, which may serve many users."""
    late: float = 90.0
    """For the mark of a job that the batch system no longer lists."""
    cancel: float = 60.0
    """For the end of jobs that were cancelled."""


@dataclass
class Submission:
    """The files of submitted jobs.

    Args:
        call: The command line of the job runner.
        queue: The batch system.
    """

    call: JobCall
    queue: Queue
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    def log(self, number: int) -> Path:
        """Return the absolute path of the log of a job."""
        return Path(self.call.numbered(self.call.log, number)).absolute()

    @property
    def directory(self) -> Path:
        """The directory of scripts and marks."""
        return self.log(self.call.first).parent / "q"

    @property
    def name(self) -> str:
        """The name of the jobs in the batch system."""
        return Path(self.call.log).name.replace(" ", "_")

    @property
    def output(self) -> Path:
        """The file for what the batch system and the scripts print."""
        return self.directory / f"{self.name}.queue"

    def script(self, number: int) -> Path:
        """Return the path of the script of a job."""
        return self.directory / f"{self.name}.{number}.sh"

    def mark(self, number: int) -> Path:
        """Return the path of the file that a job leaves at its end."""
        return self.directory / f".{self.name}.{self.token}.{number}"

    def write(self, num_threads: str) -> Path:
        """Write the scripts, and return the one to submit."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.output.unlink(missing_ok=True)
        for number in self.call.numbers:
            self.log(number).parent.mkdir(parents=True, exist_ok=True)
            self.log(number).unlink(missing_ok=True)  # of an earlier call
            command = self.call.numbered(self.call.command, number)
            text = SCRIPT.format(
                program=self.call.program,
                log=shlex.quote(str(self.log(number))),
                command=shlex.quote(command),
                directory=shlex.quote(os.getcwd()),
                body=command,
                num_threads=num_threads,
                mark=shlex.quote(str(self.mark(number))),
            )
            self.script(number).write_text(text, errors="surrogateescape")
        if self.call.job_name is None:
            return self.script(SINGLE)
        first = self.directory / f"{self.name}.sh"
        beginning = shlex.quote(str(self.directory / self.name))
        first.write_text(f"#!/bin/bash\nexec bash {beginning}.${self.queue.task_variable}.sh\n")
        return first

    def statuses(self) -> dict[int, int]:
        """Return the exit statuses of the jobs that have left their marks.

        The directory is listed, because clients of NFS remember for a while that a file is absent.
        A mark that cannot be read now may be read later.
        """
        beginning = self.mark(SINGLE).name.removesuffix(str(SINGLE))
        found = {}
        with suppress(OSError):
            for path in self.directory.iterdir():
                number = path.name.removeprefix(beginning)
                if path.name.startswith(beginning) and number.isdigit():
                    text = path.read_text().strip()
                    found[int(number)] = int(text) if text.isdigit() else 1
        return found

    def remove_marks(self) -> None:
        """Remove the files that the jobs have left."""
        for number in self.call.numbers:
            self.mark(number).unlink(missing_ok=True)


def run_in_queue(call: JobCall, queue: Queue, patience: Patience | None = None) -> NoReturn:
    """Submit the jobs of a call, wait for them and exit, with status 1 if a job has failed.

    SIGINT, SIGTERM and SIGHUP cancel the jobs.
    """
    patience = patience or Patience()
    submission = Submission(call, queue)
    try:
        command, num_threads = _submit_command(call, queue)
        script = submission.write(num_threads)
    except InputError as error:
        call.die(str(error))
    except OSError as error:
        call.die(f"the file {error.filename} cannot be written: {error.strerror}")
    command += queue.file_options(submission.name, submission.output)
    command += queue.array_options(call) if call.job_name else []
    with interruptible():
        # A signal while the job is submitted would leave a job without a job runner.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        job_id = _submit(call, queue, [*command, str(script)])
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            num_failed = _wait(submission, job_id, patience)
            submission.remove_marks()
            call.report(num_failed)
        except Interrupted as interrupted:
            _cancel(submission, job_id, patience)
            sys.exit(128 + interrupted.args[0])


def _cancel(submission: Submission, job_id: str, patience: Patience) -> None:
    """Cancel the jobs, and wait for their end."""
    call, queue = submission.call, submission.queue
    call.say(f"cancelling job {job_id}, and waiting up to {patience.cancel:.0f} s for its end")
    queue.cancel(job_id)
    deadline = time.monotonic() + patience.cancel
    while (listing := queue.listing(job_id)) is None or listing.waiting:
        if time.monotonic() > deadline:
            break
        time.sleep(patience.look)
    submission.remove_marks()


def _submit_command(call: JobCall, queue: Queue) -> tuple[list[str], str]:
    """Return the command that submits the jobs, without their files, and the number of threads."""
    given, own, config_file = {}, [], None
    for switch, *values in call.switches:
        if switch == "--config":
            config_file = values[0]
        elif switch.startswith("--"):
            given[switch[2:].replace("-", "_")] = values[0]
        elif switch != "-sync":  # the job runner always waits
            own += [switch, *values]
    return _read_config(queue, config_file).submit_command(given) + own, given.get(
        "num_threads", "1"
    )


def _read_config(queue: Queue, name: str | None) -> QueueConfig:
    """Return the config of the command line, that of the recipe or the default one."""
    if name is None and not Path(queue.config_file).is_file():
        return parse_config(queue.default_config, "the default config")
    path = Path(name or queue.config_file)
    try:
        return parse_config(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise InputError(f"the config {path} cannot be read: {reason}") from None


def _submit(call: JobCall, queue: Queue, command: list[str]) -> str:
    """Submit the jobs, and return their id."""
    try:
        done = subprocess.run(
            command, capture_output=True, errors="replace", check=False, timeout=SUBMIT_SEC
        )
    except FileNotFoundError:
        call.die(
            f"the program {command[0]} is not installed on {socket.gethostname()}; to run the jobs "
            "on this machine, use run.pl in cmd.sh"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        call.die(f"the jobs cannot be submitted: {error}")
    job_id = queue.job_id(done.stdout)
    if done.returncode != 0 or job_id is None:
        reason = (done.stderr.strip() or done.stdout.strip()).replace("\n", "; ")
        call.die(f"the jobs cannot be submitted: {reason}; the command was: {shlex.join(command)}")
    return job_id


def _wait(submission: Submission, job_id: str, patience: Patience) -> int:
    """Wait until all jobs have ended, and return the number of those that failed."""
    call, queue = submission.call, submission.queue
    ended: dict[int, int] = {}
    absent_since: dict[int, float] = {}
    asked, is_silent = time.monotonic(), False
    while True:
        ended |= submission.statuses()
        missing = set(call.numbers) - ended.keys()
        if not missing:
            return sum(status != 0 for status in ended.values())
        now = time.monotonic()
        for number in sorted(missing):
            if now - absent_since.get(number, now) >= patience.late:
                reason = "was it killed, or did it exceed its time limit?"
                ended[number] = _say_lost(submission, number, reason)
        if now - asked >= patience.ask:
            asked, listing = now, queue.listing(job_id)
            if listing is None and not is_silent:
                call.say("WARNING: the batch system does not answer; waiting for it")
            is_silent = listing is None
            if listing is not None:
                absent = missing - listing.waiting
                absent_since = {number: absent_since.get(number, now) for number in absent}
                for number in missing & listing.stuck.keys():
                    reason = f"the batch system will never run it: {listing.stuck[number]}"
                    ended[number] = _say_lost(submission, number, reason)
                if missing & listing.stuck.keys():
                    queue.cancel(job_id)
        time.sleep(patience.look)


def _say_lost(submission: Submission, number: int, reason: str) -> int:
    """Print a sentence about a job that has left no mark, and return its status."""
    submission.call.say(
        f"job {number} ended without leaving its exit status ({reason}); its log is "
        f"{submission.call.numbered(submission.call.log, number)}, and messages of the batch "
        f"system are in {submission.output}"
    )
    return 1
