"""A table of `key value...` lines, read strictly and kept in memory."""

from collections.abc import Iterator
from pathlib import Path

from moeasr.errors import InputError
from moeasr.fields import split_fields
from moeasr.text_lines import decode_line


def read_table(path: str | Path) -> dict[str, str]:
    """Read a file of `key value...` lines.

    Args:
        path: A table such as wav.scp or text, UTF-8.

    Returns:
        key -> rest of the line without spaces at its ends ("" if there is none), in file order.
        Line N holds item N - 1, since no line may be empty.

    Raises:
        InputError: The file is missing, `parse_line` refuses a line, or a key occurs twice. The
            message names file and line.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"file {path} does not exist")
    table: dict[str, str] = {}
    for number, (key, value) in enumerate(_read_pairs(path), start=1):
        if key in table:
            raise InputError(f"{path}, line {number}: '{key}' occurs a second time")
        table[key] = value
    return table


def _read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    with open(path, "rb") as lines:
        for number, raw in enumerate(lines, start=1):
            yield parse_line(raw, path, number)


def parse_line(raw: bytes, path: str | Path, number: int) -> tuple[str, str]:
    """Return key and value of one line of a table; the value is "" if there is none.

    Every reader of tables applies these rules.

    Args:
        raw: The line, with or without its newline.
        path: The file, for messages.
        number: The line's number from 1, for messages.

    Raises:
        InputError: The line is empty, begins with a byte order mark, holds a carriage return, or is
            not UTF-8.
    """
    where = f"{path}, line {number}"
    line = decode_line(raw, path, number)
    if "\r" in line:
        raise InputError(
            f"{where}: has a carriage return (a Windows line end); remove it with "
            f"`sed -i 's/\\r$//' {path}`"
        )
    fields = split_fields(line, maxsplit=1)  # spaces at both ends do not matter
    if not fields:
        raise InputError(f"{where}: is empty")
    return fields[0], fields[1] if len(fields) == 2 else ""
