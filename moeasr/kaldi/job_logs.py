"""Summaries of parallel jobs' logs: warnings, errors and time (summarize_{warnings,logs}.pl)."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from moeasr.datadir.raw_tables import read_lines, show
from moeasr.errors import InputError


class JobLogs(NamedTuple):
    """The summary of a group of logs."""

    num_warnings: int
    num_errors: int
    cpu_time_sec: int
    """Sum of time times number of threads over all jobs."""
    clock_time_sec: int
    """Time of the longest job."""
    num_threads: int


def group_logs(
    directories: Iterable[Path], category: Callable[[str], str]
) -> dict[str, list[Path]]:
    """Group the `*.log` files of some directories by category, in sorted order.

    Args:
        directories: The directories to search, without their subdirectories.
        category: Path of a log -> name of its group.

    Raises:
        InputError: A directory does not exist.
    """
    groups: dict[str, list[Path]] = {}
    for directory in directories:
        if not directory.is_dir():
            raise InputError(f"no such directory {directory}")
        for path in directory.glob("*.log"):
            groups.setdefault(category(str(path)), []).append(path)
    return dict(sorted(groups.items()))


def read_logs(paths: Iterable[Path]) -> JobLogs:
    """Summarize some logs.

    Raises:
        InputError: A line with `# Accounting:` does not have `time=` and `threads=`.
    """
    words = {b"WARNING": 0, b"ERROR": 0}
    cpu_time = clock_time = num_threads = 0
    for path in paths:
        for number, line in enumerate(read_lines(path), start=1):
            for word in words:
                words[word] += bool(re.search(rb"(?<!\w)" + word + rb"(?!\w)", line))
            _, found, accounting = line.partition(b"# Accounting: ")
            if not found:
                continue
            times = re.fullmatch(rb"\s*time=(\d+)\s+threads=(\d+)\s*", accounting)
            if times is None:
                raise InputError(f"{path}, line {number}: malformed accounting '{show(line)}'")
            cpu_time += int(times[1]) * int(times[2])
            clock_time = max(clock_time, int(times[1]))
            num_threads += int(times[2])
    return JobLogs(words[b"WARNING"], words[b"ERROR"], cpu_time, clock_time, num_threads)
