"""What the line filters of utils/*.pl have in common: their input, and ranges of fields."""

import re
import sys
from collections.abc import Callable, Sequence

from moeasr.errors import InputError


def filter_lines_of(names: Sequence[str], convert: Callable[[bytes], bytes]) -> None:
    """Print every line of some files as `convert` makes it.

    Args:
        names: Files; `-`, or none at all, is standard input.
        convert: Line without its newline -> the same.

    Raises:
        InputError: `convert` did; file and line are added.
    """
    for name in names or ["-"]:
        with sys.stdin.buffer if name == "-" else open(name, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    converted = convert(line.rstrip(b"\n"))
                except InputError as error:
                    raise InputError(f"{error} ({name}, line {number})") from None
                sys.stdout.buffer.write(converted + b"\n")


def parse_range(spec: str) -> slice:
    """Turn `2`, `4-5`, `4-` or `-5` (or with a colon), counted from 1, into a slice.

    Raises:
        InputError: It is none of these.
    """
    match = re.fullmatch(r"(\d*)([-:]?)(\d*)", spec)
    if not match or not (match[1] or match[3]) or "0" in (match[1], match[3]):
        raise InputError(f"Bad argument to -f option: {spec}")
    begin, separator, end = match.groups()
    if not separator:
        end = begin
    return slice(int(begin) - 1 if begin else 0, int(end) if end else None)
