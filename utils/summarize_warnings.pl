#!/usr/bin/env python3
"""Count the lines with the word WARNING in the logs of a directory, by type of job.

Usage: summarize_warnings.pl <log-dir>
"""

import re
import sys
from pathlib import Path


def main() -> None:
    """Summarise the logs of a directory."""
    from moeasr.kaldi.job_logs import group_logs, read_logs

    if len(sys.argv) != 2:
        sys.exit("Usage: summarize_warnings.pl <log-dir>")
    # a.3.log and a.3.7.log belong to a.*.log and a.*.*.log
    groups = group_logs(
        [Path(sys.argv[1])], lambda path: re.sub(r"\.\d+(?=\.)", ".*", path, count=2)
    )
    for name, paths in groups.items():
        num_warnings = read_logs(paths).num_warnings
        if num_warnings:
            print(f"{num_warnings} warnings in {name}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.bin import run

    run(main)
