"""The rows of a CSV file with a header, read strictly, so that messages name file and line.

Columns are separated by the one of `DELIMITERS` that is most frequent in the header: spreadsheets
write semicolons where the comma belongs to numbers.
"""

import codecs
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

from moeasr.errors import InputError
from moeasr.plurals import counted
from moeasr.text_lines import decode_line

DELIMITERS = ",;\t"
"""Delimiters of columns. Of equally frequent ones, the first is taken."""


def csv_header(path: Path) -> list[str]:
    """Return the columns of a CSV file; none if the file cannot be read."""
    try:
        with open(path, "rb") as file:
            return next(_rows(file, path, strict=False), (0, []))[1]
    except (InputError, OSError):
        return []


def csv_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (file and number of the first line, columns) of the rows below the header.

    Quoted fields may contain delimiters, doubled quotes and line breaks. Rows without a value are
    ignored, as are empty fields at the end of a row that has more fields than the header.

    Raises:
        InputError: The file is not UTF-8 or not CSV, the header names a column twice, or a row has
            more or fewer fields than the header.
    """
    with open(path, "rb") as file:
        rows = _rows(file, path, strict=True)
        number, header = next(rows, (1, []))
        twice = next((name for name in header if name and header.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{path}, line {number}: the column `{twice}` appears twice")
        for number, row in rows:
            while len(row) > len(header) and not row[-1].strip():
                row.pop()
            if len(row) != len(header):
                raise InputError(
                    f"{path}, line {number}: has {counted(len(row), 'column')}, but the first line "
                    f"{len(header)}"
                )
            yield f"{path}, line {number}", dict(zip(header, row))


def _rows(file: Iterator[bytes], path: Path, strict: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line, and the fields, of each row that has a value."""
    lines, num_skipped, delimiter = _lines(file, path), 0, None
    header = next(lines, "")
    while header and not header.strip(" ,;\t\n"):
        header, num_skipped = next(lines, ""), num_skipped + 1
    if header[:4].lower() == "sep=" and len(header) == 6:  # written by Excel
        delimiter = header[4]
        header, num_skipped = next(lines, ""), num_skipped + 1
    reader = csv.reader(
        itertools.chain([header], lines),
        strict=strict,
        delimiter=delimiter or max(DELIMITERS, key=header.count),
        skipinitialspace=True,
    )
    first = num_skipped + 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{path}, line {first}: is not valid CSV ({error})") from None
        if any(field.strip() for field in row):
            yield first, row
        first = num_skipped + reader.line_num + 1


def _lines(file: Iterator[bytes], path: Path) -> Iterator[str]:
    for number, raw in enumerate(file, start=1):
        raw = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        yield decode_line(raw, path, number).removesuffix("\r") + "\n"
