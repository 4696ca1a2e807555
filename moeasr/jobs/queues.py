"""The programs of batch systems that submit, list and cancel jobs: Slurm, and Grid Engine."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moeasr.jobs.call_form import JobCall

ANSWER_SEC = 120.0
"""The time that a batch system has for an answer."""
SINGLE = 1
"""The number of a job that is not in an array."""


@dataclass(frozen=True)
class Listing:
    """The jobs of a submission that a batch system lists."""

    waiting: frozenset[int]
    """Numbers of the jobs that run or will run."""
    stuck: dict[int, str]
    """Number -> reason of the jobs that will never run."""


class Queue(Protocol):
    """A batch system."""

    config_file: str
    """The config that is used if it exists and the command line names no other."""
    default_config: str
    task_variable: str
    """The environment variable with the number of a job in an array."""

    def array_options(self, call: JobCall) -> list[str]:
        """Return the options that submit numbered jobs."""
        ...

    def file_options(self, name: str, output: Path) -> list[str]:
        """Return the options for the name of a job and the file for what its script prints."""
        ...

    def job_id(self, printed: str) -> str | None:
        """Return the id of a job from what the submitting program printed."""
        ...

    def listing(self, job_id: str) -> Listing | None:
        """Return the jobs that the batch system lists, or None if it does not answer."""
        ...

    def cancel(self, job_id: str) -> None:
        """Cancel all jobs of a submission."""
        ...


class Slurm:
    """The batch system Slurm."""

    config_file = "conf/slurm.conf"
    default_config = """
command sbatch --export=ALL
option mem=* --mem-per-cpu=$0
option mem=0
option time=* --time=$0
option num_threads=* --cpus-per-task=$0
option gpu=0
option gpu=* --gres=gpu:$0
"""
    task_variable = "SLURM_ARRAY_TASK_ID"
    _never = {
        *("BadConstraints", "DependencyNeverSatisfied", "JobHoldMaxRequeue"),
        "launch failed requeued held",
    }

    def array_options(self, call: JobCall) -> list[str]:
        """Return `--array=1-4%2`."""
        limit = f"%{call.max_jobs_run}" if call.max_jobs_run else ""
        return [f"--array={call.first}-{call.last}{limit}"]

    def file_options(self, name: str, output: Path) -> list[str]:
        """Return options of sbatch."""
        files = [f"--output={str(output).replace('%', '%%')}", "--open-mode=append"]
        return ["--parsable", f"--job-name={name}", *files]

    def job_id(self, printed: str) -> str | None:
        """Return the id from `12` or `12;cluster`."""
        match = re.search(r"^(\d+)(;.*)?$", printed, re.MULTILINE)
        return match[1] if match else None

    def listing(self, job_id: str) -> Listing | None:
        """Ask squeue, which forgets a job a few minutes after its end."""
        command = ["squeue", "--noheader", "--array", "--jobs", job_id, "--format", "%K|%r"]
        ended = _answer(command)
        if ended is None:
            return None
        if ended.returncode != 0:
            is_forgotten = "Invalid job id" in ended.stderr
            return Listing(frozenset(), {}) if is_forgotten else None
        waiting, stuck = set(), {}
        for line in ended.stdout.splitlines():
            task, _, reason = line.strip().partition("|")
            number = int(task) if task.isdigit() else SINGLE
            waiting.add(number)
            if reason in self._never:
                stuck[number] = reason
        return Listing(frozenset(waiting - stuck.keys()), stuck)

    def cancel(self, job_id: str) -> None:
        """Call scancel."""
        _answer(["scancel", job_id])


class GridEngine:
    """The batch system Sun Grid Engine, and others with its programs."""

    config_file = "conf/queue.conf"
    default_config = """
command qsub -V -S /bin/bash -j y
option mem=* -l mem_free=$0
option mem=0
option num_threads=* -pe smp $0
option num_threads=1
option gpu=0
option gpu=* -l gpu=$0
"""
    task_variable = "SGE_TASK_ID"

    def array_options(self, call: JobCall) -> list[str]:
        """Return `-t 1-4 -tc 2`."""
        limit = ["-tc", str(call.max_jobs_run)] if call.max_jobs_run else []
        return ["-t", f"{call.first}-{call.last}", *limit]

    def file_options(self, name: str, output: Path) -> list[str]:
        """Return options of qsub. The name of a job must not begin with a digit."""
        return ["-N", name if name[0].isalpha() else f"j{name}", "-o", str(output)]

    def job_id(self, printed: str) -> str | None:
        """Return the id from `Your job-array 12.1-4:1 ("a.sh") has been submitted`."""
        match = re.search(r"^(?:Your job(?:-array)? )?(\d+)", printed, re.MULTILINE)
        return match[1] if match else None

    def listing(self, job_id: str) -> Listing | None:
        """Ask qstat, whose lines end with slots and, for arrays, with numbers such as `3,5-9:1`."""
        ended = _answer(["qstat"])
        if ended is None or ended.returncode != 0:
            return None
        waiting, stuck = set(), {}
        for line in ended.stdout.splitlines():
            words = line.split()
            if len(words) < 6 or words[0] != job_id:
                continue
            has_tasks = re.fullmatch(r"\d+|[\d,:-]+", words[-1]) and words[-2].isdigit()
            for number in _task_numbers(words[-1]) if has_tasks else (SINGLE,):
                waiting.add(number)
                if "E" in words[4]:
                    stuck[number] = f"the state {words[4]}"
        return Listing(frozenset(waiting - stuck.keys()), stuck)

    def cancel(self, job_id: str) -> None:
        """Call qdel."""
        _answer(["qdel", job_id])


def _task_numbers(text: str) -> Iterator[int]:
    """Yield the numbers of `3,5-9:2`: 3, 5, 7, 9."""
    for part in text.split(","):
        if match := re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part):
            first = int(match[1])
            yield from range(first, int(match[2] or first) + 1, int(match[3] or 1))


def _answer(command: list[str]) -> "subprocess.CompletedProcess[str] | None":
    """Return the ended program of a batch system; None if it does not answer in time.

    Batch systems cut the names of jobs, perhaps within a character.
    """
    try:
        return subprocess.run(
            command, capture_output=True, errors="replace", check=False, timeout=ANSWER_SEC
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
