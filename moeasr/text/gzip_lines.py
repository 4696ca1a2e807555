"""The lines of a text file that may be compressed by gzip."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from moeasr.errors import InputError
from moeasr.fields import SPACES

_GZIP = b"\x1f\x8b"


def gzip_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, stripped line) of all lines that are not blank.

    Args:
        path: A file that is compressed by gzip if and only if its name ends in `.gz`.

    Raises:
        InputError: The suffix does not match the content, or the file is truncated, is not UTF-8 or
            begins with a byte order mark. The message names the file and line.
        OSError: The file cannot be opened.
    """
    is_packed = path.suffix == ".gz"
    number = 0
    with open(path, "rb") as handle:
        begin = handle.read(len(codecs.BOM_UTF8))
    if begin.startswith(_GZIP) and not is_packed:
        raise InputError(f"{path} is a gzip file: rename it to {path.name}.gz")
    if begin and is_packed and not _GZIP.startswith(begin[: len(_GZIP)]):
        raise InputError(f"{path} is not a gzip file: rename it to {path.stem}")
    try:
        with (gzip.open if is_packed else open)(path, "rb") as handle:
            for number, raw in enumerate(handle, start=1):
                if number == 1 and raw.startswith(codecs.BOM_UTF8):
                    raise InputError(f"{path}:1: begins with a byte order mark; remove it")
                line = raw.decode("utf-8").strip(SPACES + "\r\n")
                if line:
                    yield number, line
    except UnicodeDecodeError:
        raise InputError(f"{path}:{number}: not UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError(f"{path}:{number + 1}: the gzip file is damaged or truncated") from None
