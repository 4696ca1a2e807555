#!/usr/bin/env python3
"""Count the warnings, errors, seconds and threads in the logs of directories, by type of job.

Usage: summarize_logs.pl <log-dir> ...
"""

import re
import sys
from pathlib import Path


def main() -> None:
    """Summarise the logs of directories."""
    from moeasr.kaldi.job_logs import group_logs, read_logs

    if len(sys.argv) < 2:
        sys.exit("Usage: summarize_logs.pl <log-dir> ...")
    # a.3.log and a.3.7.log belong to a.*.log and a.3.*.log
    groups = group_logs(
        map(Path, sys.argv[1:]), lambda path: re.sub(r"\.\d+\.(?!\d)", ".*.", path, count=1)
    )
    logs = {name: read_logs(paths) for name, paths in groups.items()}
    for what, number in (("warnings", 0), ("errors", 1)):
        for name, found in logs.items():
            if found[number]:
                print(f"{found[number]} {what} in {name}")
    logs["all"] = read_logs(path for paths in groups.values() for path in paths)
    for name, found in logs.items():
        print(
            f"total_cpu_time={found.cpu_time_sec} clock_time={found.clock_time_sec} "
            f"total_threads={found.num_threads} group={name}"
        )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.bin import run

    run(main)
