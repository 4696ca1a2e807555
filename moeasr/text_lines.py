"""Lines of text files, read strictly, so that error messages name the file and line."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from moeasr.errors import InputError


def decode_line(raw: bytes, path: str | Path, number: int) -> str:
    """Return one line of a file as text without its newline.

    Args:
        raw: The line, with or without its newline.
        path: The file, for messages.
        number: The line's number from 1, for messages.

    Raises:
        InputError: The line is not UTF-8 or begins with a byte order mark.
    """
    where = f"{path}, line {number}"
    if raw.startswith(codecs.BOM_UTF8):
        raise InputError(f"{where}: begins with a byte order mark; save the file without it")
    try:
        return raw.removesuffix(b"\n").decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not valid UTF-8 (byte {error.start + 1} of the line)") from None


def is_open_to_readers(path: Path) -> bool:
    """Return whether a path is a file, or a pipe of the shell: `<(...)` gives `/dev/fd/63`.

    A named pipe is neither: its reader could wait for ever.
    """
    return path.is_file() or (path.parent == Path("/dev/fd") and path.is_fifo())


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield the number, counted from 1, and the text of each line of a file, without newlines.

    Raises:
        InputError: The file is missing, empty or a directory, or a line is not valid (see
            `decode_line`).
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a directory, but must be a file")
    if not is_open_to_readers(path):
        raise InputError(f"file {path} does not exist")
    with open(path, "rb") as lines:
        number = 0
        for number, raw in enumerate(lines, start=1):
            yield number, decode_line(raw, path, number)
    if number == 0:
        raise InputError(f"file {path} is empty")
