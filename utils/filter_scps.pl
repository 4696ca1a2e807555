#!/usr/bin/env python3
"""Filter a table by several lists of ids in one pass, with one output for each list.

Usage: filter_scps.pl [options] <job-range> <id-list-pattern> <input-scp> <output-scp-pattern>
e.g.:  filter_scps.pl JOB=1:10 data/train/split10/JOB/spk2utt data/train/feats.scp
                      data/train/split10/JOB/feats.scp
Options:
  -f <field>  # number of the field with the id, counted from 1 (default: 1)
  --no-warn   # no warnings about lines in no output or in several outputs

Lines are written unchanged. Intended difference from Kaldi: all inputs are read before an output is
written.
"""

import re
import sys
from pathlib import Path

USAGE = (__doc__ or "").split("\n\n")[1]


def main() -> None:
    """Filter a table."""
    from moeasr.datadir.raw_tables import key, read_lines, show
    from moeasr.errors import InputError

    arguments, field, warn = sys.argv[1:], 1, True
    while arguments and arguments[0] in ("-f", "--no-warn"):
        if arguments.pop(0) == "--no-warn":
            warn = False
        elif arguments and arguments[0].isdigit() and int(arguments[0]) > 0:
            field = int(arguments.pop(0))
        else:
            raise InputError("-f requires a field number of at least 1")
    if len(arguments) != 4:
        sys.exit(USAGE)
    jobs, list_pattern, table, out_pattern = arguments
    match = re.fullmatch(r"([A-Za-z_]\w*)=(\d+):(\d+)", jobs)
    if match is None:
        raise InputError(f"bad job-range specifier {jobs}: expected e.g. JOB=1:10")
    name, numbers = match[1], range(int(match[2]), int(match[3]) + 1)
    if not numbers:
        raise InputError(f"invalid job range {jobs}")
    for pattern, what in ((list_pattern, "filter file"), (out_pattern, "output file")):
        if name not in pattern and len(numbers) > 1:
            raise InputError(f"there are {len(numbers)} jobs, but just one {what} ({pattern})")

    jobs_of: dict[bytes, list[int]] = {}
    for number in numbers:
        path = list_pattern.replace(name, str(number))
        for place, line in enumerate(read_lines(path), start=1):
            if not key(line):
                raise InputError(f"{path}, line {place}: is empty")
            jobs_of.setdefault(key(line), []).append(number)
    outputs: dict[int, list[bytes]] = {number: [] for number in numbers}
    coverage = set()
    for place, line in enumerate(read_lines(table), start=1):
        fields = line.split()
        if len(fields) < field:
            raise InputError(f"{table}, line {place}: has no field {field}: '{show(line)}'")
        wanted = jobs_of.get(fields[field - 1], [])
        coverage.add(min(len(wanted), 2))
        for number in wanted:
            outputs[number].append(line + b"\n")
    for number, lines in outputs.items():
        path = out_pattern.replace(name, str(number))
        if not lines:
            print(f"filter_scps.pl: warning: output to {path} is empty", file=sys.stderr)
        Path(path).write_bytes(b"".join(lines))
    if warn and 0 in coverage:
        print("filter_scps.pl: warning: some input lines did not get output", file=sys.stderr)
    if warn and 2 in coverage:
        print(
            "filter_scps.pl: warning: some input lines were output to multiple files "
            "[OK if splitting per utt]",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.bin import run

    run(main)
