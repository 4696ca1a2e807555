"""Common parts of the line filters in utils/*.pl: reading input, and parsing ranges of fields."""

import re
import sys
from collections.abc import Callable, Sequence

from moeasr.errors import InputError


def filter_lines_of(names: Sequence[str], convert: Callable[[bytes], bytes]) -> None:
    """Convert every line of some files, and print the results.

    Args:
        names: Names of files; `-` or an empty list is standard input.
        convert: A function from a line to a line, both without newline.

    Raises:
        InputError: `convert` raised it; the file and line are added to the message.
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
        InputError: The range has none of these forms.
    """
    match = re.fullmatch(r"(\d*)([-:]?)(\d*)", spec)
    if not match or not (match[1] or match[3]) or "0" in (match[1], match[3]):
        raise InputError(f"Bad argument to -f option: {spec}")
    begin, separator, end = match.groups()
    if not separator:
        end = begin
    return slice(int(begin) - 1 if begin else 0, int(end) if end else None)
