#!/usr/bin/env python3
"""Replace fields of a text by what a map says.

Usage: apply_map.pl [options] map <input >output
 options: [-f <field-range> ] [--permissive]

In the map file, the first field of each line is what is mapped, the other fields (none, one or
more) are what it becomes. -f says which fields of the input are mapped, counted from 1: `2`,
`4-5`, `4-`, `-5` (`4:5` is accepted); all by default. A field that is not in the map is an error;
with --permissive it is left as it is, with a warning. The output is separated by single spaces.
"""

import re
import sys

USAGE = "Usage: apply_map.pl [-f <field-range>] [--permissive] map <input >output"


def parse_range(spec: str) -> slice:
    """Turn `2`, `4-5`, `4-`, `-5` (or with a colon), counted from 1, into a slice."""
    match = re.fullmatch(r"(\d*)([-:]?)(\d*)", spec)
    if not match or not (match[1] or match[3]) or "0" in (match[1], match[3]):
        sys.exit(f"apply_map.pl: Bad argument to -f option: {spec}")
    begin, separator, end = match.groups()
    if not separator:
        end = begin
    return slice(int(begin) - 1 if begin else 0, int(end) if end else None)


def parse_arguments(arguments: list[str]) -> tuple[slice, bool, str]:
    """Split the command line into (fields to map, permissive, map file)."""
    fields, permissive = slice(None), False
    while arguments and arguments[0] in ("-f", "--permissive"):
        if arguments.pop(0) == "--permissive":
            permissive = True
        else:
            fields = parse_range(arguments.pop(0) if arguments else "")
    if len(arguments) != 1:
        sys.exit(f"Invalid usage: {' '.join(arguments)}\n{USAGE}")
    return fields, permissive, arguments[0]


def read_map(name: str) -> dict[bytes, list[bytes]]:
    """Read `key value value ...` lines; of a repeated key the last line counts."""
    mapping = {}
    with open(name, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            key, *values = line.split() or [b""]
            if not key:
                sys.exit(f"apply_map.pl: empty line. ({name}, line {number})")
            mapping[key] = values
    return mapping


def main() -> None:
    """Map standard input to standard output."""
    chosen, permissive, name = parse_arguments(sys.argv[1:])
    mapping = read_map(name)
    for line in sys.stdin.buffer:
        fields = line.split()
        mapped = []
        for field in fields[chosen]:
            if field not in mapping:
                shown = field.decode("utf-8", "backslashreplace")
                if not permissive:
                    sys.exit(f"apply_map.pl: undefined key {shown} in {name}")
                print(f"apply_map.pl: warning! missing key {shown} in {name}", file=sys.stderr)
            # Joined here, so that a key that maps to nothing leaves an empty field, as in Kaldi.
            mapped.append(b" ".join(mapping.get(field, [field])))
        fields[chosen] = mapped
        sys.stdout.buffer.write(b" ".join(fields) + b"\n")


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        sys.exit(f"apply_map.pl: {error.filename}: {error.strerror}")
