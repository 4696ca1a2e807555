#!/usr/bin/env python3
"""Replace the fields of a text by their values in a map.

Usage: apply_map.pl [-f <field-range>] [--permissive] <map> < input > output
Options:
  -f <field-range>  # fields to replace, counted from 1: 2, 4-5, 4- or -5 (default: all)
  --permissive      # warning and unchanged field, instead of an error, for fields not in the map

Each line of the map is a field followed by its value, which is any number of fields. The fields of
the output are separated by single spaces.
"""

import sys
from pathlib import Path

USAGE = (__doc__ or "").split("\n\n")[1]


def read_map(name: str) -> dict[bytes, list[bytes]]:
    """Read `key value value ...` lines; the last line of a repeated key counts."""
    from moeasr.errors import InputError

    mapping = {}
    with open(name, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            key, *values = line.split() or [b""]
            if not key:
                raise InputError(f"empty line. ({name}, line {number})")
            mapping[key] = values
    return mapping


def main() -> None:
    """Replace the fields of standard input."""
    from moeasr.datadir.raw_tables import show
    from moeasr.errors import InputError
    from moeasr.kaldi.filters import filter_lines_of, parse_range

    arguments, chosen, permissive = sys.argv[1:], slice(None), False
    while arguments and arguments[0] in ("-f", "--permissive"):
        if arguments.pop(0) == "--permissive":
            permissive = True
        else:
            chosen = parse_range(arguments.pop(0) if arguments else "")
    if len(arguments) != 1:
        sys.exit(USAGE)
    name = arguments[0]
    mapping = read_map(name)

    def convert(line: bytes) -> bytes:
        fields = line.split()
        for place in range(len(fields))[chosen]:
            field = fields[place]
            if field not in mapping:
                if not permissive:
                    raise InputError(f"undefined key {show(field)} in {name}")
                shown = f"missing key {show(field)} in {name}"
                print(f"apply_map.pl: warning! {shown}", file=sys.stderr)
            # Joining here leaves an empty field for a key with an empty value, as in Kaldi.
            fields[place] = b" ".join(mapping.get(field, [field]))
        return b" ".join(fields)

    filter_lines_of([], convert)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.bin import run

    run(main)
