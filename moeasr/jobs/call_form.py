"""The call form of Kaldi's job runners: `run.pl [options] [JOB=1:n] <log-file> <command> ...`."""

import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

DIED = 255  # status of wrong usage, as in Perl; after 1, a failed job, retry.pl would retry


@dataclass
class JobCall:
    """The command line of a job runner."""

    program: str
    """The name of the job runner, for messages."""
    switches: list[list[str]] = field(default_factory=list)
    """Options with their arguments, except for the maximum number of parallel jobs."""
    max_jobs_run: int | None = None
    job_name: str | None = None
    """The name that stands for the number of a job, usually JOB; None for a single job."""
    first: int = 1
    last: int = 1
    log: str = ""
    """The name of the log, which contains the job name."""
    command: str = ""
    """The command for bash, which contains the job name."""

    @property
    def numbers(self) -> range:
        """The numbers of the jobs."""
        return range(self.first, self.last + 1)

    def numbered(self, template: str, number: int) -> str:
        """Return a template with the job number in place of the job name."""
        return template.replace(self.job_name, str(number)) if self.job_name else template

    def say(self, message: str) -> None:
        """Print a message to standard error."""
        print(f"{self.program}: {message}", file=sys.stderr)

    def die(self, message: str) -> NoReturn:
        """Print a message about wrong usage and exit."""
        self.say(message)
        sys.exit(DIED)

    def report(self, num_failed: int) -> NoReturn:
        """Print the logs of failed jobs, and exit with status 1; with status 0 if none failed."""
        if num_failed == 0:
            sys.exit(0)
        num_jobs = len(self.numbers)
        if num_jobs > 1:
            logs = self.log.replace(self.job_name or "", "*")
            self.say(f"{num_failed} / {num_jobs} failed, log is in {logs}")
            sys.exit(1)
        log = self.numbered(self.log, self.first)
        self.say(f"job failed, log is in {log}")
        if "JOB" in log:
            self.say("the call probably lacks JOB=1:$nj before the log file")
        sys.exit(1)


def parse_call(program: str, arguments: list[str], usage: str) -> JobCall:
    """Return the command line of a job runner.

    Args:
        program: The name of the job runner.
        arguments: The arguments of the program.
        usage: The text that is printed if arguments are missing.

    Raises:
        SystemExit: The command line is wrong. A sentence has been printed.
    """
    call, rest = JobCall(program), list(arguments)
    for _ in range(2):  # options may precede and follow JOB=1:n
        while len(rest) >= 2 and rest[0].startswith("-"):
            _take_switch(rest, call)
        if rest:
            _take_range(rest, call)
    if len(rest) < 2:
        print(usage, file=sys.stderr)
        sys.exit(DIED)
    call.log, *words = rest
    call.command = "".join(quote(word) + " " for word in words)
    if call.last > call.first and (call.job_name or "") not in call.log:
        call.say(
            f"parallel jobs need one log file each, but {call.log} does not contain {call.job_name}"
        )
        sys.exit(1)
    return call


def quote(argument: str) -> str:
    r"""Quote an argument with white space for bash; others, such as `\|` and `\>`, stay active."""
    if re.fullmatch(r"\S+", argument):
        return argument
    if '"' not in argument:
        return f'"{argument}"'
    escaped = argument.replace("'", "'\\''")
    return f"'{escaped}'"


def begin_log(log: Path, command: str, *, machine: str = "") -> None:
    """Write the first lines of a log, which name the command and the start, to a new file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    place = f"# Running on {machine}\n" if machine else ""
    text = f"# {command}\n{place}# Started at {date()}\n#\n"
    log.write_text(text, errors="surrogateescape")


def end_log(log: Path, code: int, seconds: int) -> None:
    """Append the last lines of a log; a negative code is the number of a signal."""
    ended = f"code {code}" if code >= 0 else f"code 0; signal {-code}"
    with open(log, "a") as out:
        out.write(f"# Accounting: time={seconds} threads=1\n")
        out.write(f"# Ended ({ended}) at {date()}, elapsed time {seconds} seconds\n")


def date() -> str:
    """Return the time in the format of date(1)."""
    return time.strftime("%a %b %e %H:%M:%S %Z %Y")


def _take(rest: list[str], switch: str, call: JobCall) -> str:
    """Remove and return the argument of an option."""
    if not rest:
        call.die(f"option {switch} requires a value")
    return rest.pop(0)


def _take_switch(rest: list[str], call: JobCall) -> None:
    """Move one option, with its arguments, from the front of the command line to the call."""
    switch = rest.pop(0)
    if switch == "-V":
        call.switches.append([switch])
        return
    value = _take(rest, switch, call)
    if switch in ("--max-jobs-run", "-tc"):
        if not value.isdigit() or int(value) == 0:
            call.die(f"invalid option --max-jobs-run {value}")
        call.max_jobs_run = min(int(value), call.max_jobs_run or int(value))
        return
    if value.startswith("--"):
        call.say(f"WARNING: suspicious argument '{value}' to {switch}; starts with '-'")
    words = [switch, value]
    if switch == "-pe":
        words.append(_take(rest, switch, call))
    call.switches.append(words)


def _take_range(rest: list[str], call: JobCall) -> None:
    """Move `JOB=1:n`, if it is at the front of the command line, to the call."""
    match = re.fullmatch(r"([A-Za-z_]\w*)=(\d+)(?::(\d+))?", rest[0])
    if match:
        spec = rest.pop(0)
        call.job_name = match[1]
        call.first, call.last = int(match[2]), int(match[3] or match[2])
        if call.first > call.last:
            call.die(f"invalid job range {spec}")
        if call.first == 0:
            call.die(f"invalid job range {spec}, start must be strictly positive")
    elif re.match(r".+=.*:", rest[0]):
        call.say(f"Warning: suspicious first argument to {call.program}: {rest[0]}")
