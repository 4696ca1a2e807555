"""The rows of a CSV file with a header, read strictly, so that messages name file and line.

Columns are separated by the one of `DELIMITERS` that is most frequent in the header: spreadsheets
write semicolons where the comma belongs to numbers.
"""

import codecs
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moeasr.errors import InputError
from moeasr.plurals import counted
from moeasr.text_lines import decode_line

DELIMITERS = ",;\t"
"""Delimiters of columns. Of equally frequent ones, the first is taken."""


def csv_header(path: Path) -> list[str]:
    """Return the columns of a CSV file; none if the file cannot be read."""
    try:
        with open(path, "rb") as file:
            return next(_reader(file, path), [])
    except (InputError, OSError, csv.Error):
        return []


def csv_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (file and number of the first line, columns) of the rows below the header.

    Quoted fields may contain delimiters, doubled quotes and line breaks. Blank lines are ignored.

    Raises:
        InputError: The file is not UTF-8 or not CSV, or a row has more or fewer fields than the
            header.
    """
    with open(path, "rb") as file:
        first = 1
        try:
            reader = _reader(file, path, strict=True)
            header = next(reader, [])
            first = reader.line_num + 1
            for row in reader:
                where, first = f"{path}, line {first}", reader.line_num + 1
                if not row:
                    continue
                if len(row) != len(header):
                    raise InputError(
                        f"{where}: has {counted(len(row), 'column')}, but the first line "
                        f"{len(header)}"
                    )
                yield where, dict(zip(header, row))
        except csv.Error as error:
            raise InputError(f"{path}, line {first}: is not valid CSV ({error})") from None


def _reader(file: Iterator[bytes], path: Path, strict: bool = False) -> Any:
    lines = _lines(file, path)
    header = next(lines, "")
    delimiter = max(DELIMITERS, key=header.count)
    return csv.reader(itertools.chain([header], lines), strict=strict, delimiter=delimiter)


def _lines(file: Iterator[bytes], path: Path) -> Iterator[str]:
    for number, raw in enumerate(file, start=1):
        raw = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        yield decode_line(raw, path, number).removesuffix("\r") + "\n"
