#!/usr/bin/env python3
"""Print N lines of a table, by default evenly spread over it.

Usage: subset_scp.pl [--quiet] [--first | --last] <N> <in.scp>
Options:
  --first  # first N lines
  --last   # last N lines
  --quiet  # all lines, instead of an error, if the table has fewer than N lines
"""

import sys
from pathlib import Path

USAGE = (__doc__ or "").split("\n\n")[1].rstrip()


def main() -> None:
    """Print a part of a file, or of standard input if the name is `-`."""
    from moeasr.errors import InputError
    from moeasr.kaldi.subset import spread

    arguments, options = sys.argv[1:], set()
    while arguments and arguments[0] in ("--quiet", "--first", "--last"):
        options.add(arguments.pop(0))
    if len(arguments) < 2:
        sys.exit(USAGE)
    wanted, name = arguments[:2]
    if not wanted.isdigit() or int(wanted) == 0:
        raise InputError(f"<N> must be a whole number of at least 1, but is '{wanted}'")
    with sys.stdin.buffer if name == "-" else open(name, "rb") as stream:
        lines = stream.readlines()
    count = int(wanted)
    if count > len(lines):
        if "--quiet" not in options:
            raise InputError(f"{name} has only {len(lines)} lines, but {count} were requested")
        count = len(lines)
    if "--first" in options:
        chosen = lines[:count]
    elif "--last" in options:
        chosen = lines[len(lines) - count :]
    else:
        chosen = spread(lines, count)
    sys.stdout.buffer.writelines(chosen)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.bin import run

    run(main)
