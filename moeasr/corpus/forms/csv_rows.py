"""The rows of a CSV file with a header, read strictly, so that messages name file and line."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from moeasr.errors import InputError
from moeasr.plurals import counted
from moeasr.text_lines import decode_line


def csv_header(path: Path) -> list[str]:
    """Return the columns of a CSV file; none if the file cannot be read."""
    try:
        with open(path, "rb") as file:
            return next(csv.reader(_lines(file, path)), [])
    except (InputError, OSError, csv.Error):
        return []


def csv_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (file and number of the first line, columns) of the rows below the header.

    Quoted fields may contain commas, doubled quotes and line breaks. Blank lines are ignored.

    Raises:
        InputError: The file is not UTF-8 or not CSV, or a row has more or fewer fields than the
            header.
    """
    with open(path, "rb") as file:
        reader = csv.reader(_lines(file, path), strict=True)
        first = 1
        try:
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


def _lines(file: Iterator[bytes], path: Path) -> Iterator[str]:
    for number, raw in enumerate(file, start=1):
        raw = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        yield decode_line(raw, path, number).removesuffix("\r") + "\n"
