#!/usr/bin/env python3
r"""Print the lines of a table whose ids are in a list.

Usage: filter_scp.pl [--exclude] [-f <field>] <id-list> [<in.scp>] > out.scp
Options:
  --exclude   # output of the lines whose ids are not in the list
  -f <field>  # number of the field with the id, counted from 1 (default: 1)

The ids of the list are the first fields of its lines, so the list may be any table. The input is
in.scp or standard input. Lines are printed unchanged.
"""

import sys
from collections.abc import Iterable

USAGE = (__doc__ or "").split("\n\n")[1]


def fail(message: str, line: bytes, name: str, number: int) -> None:
    """Exit with a sentence that shows a line and its number."""
    shown = line.decode("utf-8", "backslashreplace").rstrip("\n")
    sys.exit(f"filter_scp.pl: {message} {shown!r} ({name}, line {number})")


def parse_arguments(arguments: list[str]) -> tuple[bool, int, list[str]]:
    """Return from the command line: exclude, the field counted from 1, and the file names."""
    exclude, field = False, 1
    while arguments and arguments[0] in ("--exclude", "-f"):
        if arguments.pop(0) == "--exclude":
            exclude = True
        elif arguments and arguments[0].isdigit() and int(arguments[0]) > 0:
            field = int(arguments.pop(0))
        else:
            sys.exit(f"filter_scp.pl: -f requires a field number of at least 1\n{USAGE}")
    if not 1 <= len(arguments) <= 2:
        sys.exit(USAGE)
    return exclude, field, arguments


def read_ids(name: str) -> set[bytes]:
    """Return the first fields of the lines of a file."""
    ids = set()
    try:
        lines = sys.stdin.buffer if name == "-" else open(name, "rb")  # noqa: SIM115
    except OSError as error:
        sys.exit(f"filter_scp.pl: the id list {name} cannot be read: {error.strerror}")
    with lines:
        for number, line in enumerate(lines, start=1):
            fields = line.split(None, 1)
            if not fields:
                fail("Invalid id-list file line", line, name, number)
            ids.add(fields[0])
    return ids


def print_matching(
    lines: Iterable[bytes], name: str, ids: set[bytes], field: int, exclude: bool
) -> None:
    """Write the wanted lines to standard output."""
    for number, line in enumerate(lines, start=1):
        fields = line.split(None, field)
        if len(fields) < field:
            fail(f"line has no field {field}:", line, name, number)
        if (fields[field - 1] in ids) != exclude:
            sys.stdout.buffer.write(line)


def main() -> None:
    """Filter one table."""
    exclude, field, names = parse_arguments(sys.argv[1:])
    ids = read_ids(names[0])
    name = names[1] if len(names) == 2 else "-"
    with sys.stdin.buffer if name == "-" else open(name, "rb") as lines:
        print_matching(lines, name, ids, field, exclude)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        sys.exit(f"filter_scp.pl: {error.filename}: {error.strerror}")
