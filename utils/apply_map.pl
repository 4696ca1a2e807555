#!/usr/bin/env python3
"""Replace fields of a text by what a map says.

Usage: apply_map.pl [options] map <input >output
 options: [-f <field-range> ] [--permissive]

In the map file, the first field of each line is what is mapped, the other fields (none, one or
more) are what it becomes. -f says which fields of the input are mapped, counted from 1: `2`,
`4-5`, `4-`, `-5` (`4:5` is accepted); all by default. A field that is not in the map is an error;
with --permissive it is left as it is, with a warning. The output is separated by single spaces.
"""

import sys
from pathlib import Path

USAGE = "Usage: apply_map.pl [-f <field-range>] [--permissive] map <input >output"


def read_map(name: str) -> dict[bytes, list[bytes]]:
    """Read `key value value ...` lines; of a repeated key the last line counts."""
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
    """Map standard input to standard output."""
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
        sys.exit(f"Invalid usage: {' '.join(arguments)}\n{USAGE}")
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
            # Joined here, so that a key that maps to nothing leaves an empty field, as in Kaldi.
            fields[place] = b" ".join(mapping.get(field, [field]))
        return b" ".join(fields)

    filter_lines_of([], convert)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.bin import run

    run(main)
