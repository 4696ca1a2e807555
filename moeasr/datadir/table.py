"""Tables of `key value...` lines, of which only keys and line positions are kept in memory.

A set of a million utterances as Python objects takes gigabytes. Forked worker processes would each
end up with a copy: reading an object changes its reference count, so its memory page is copied.
NumPy arrays contain no reference counts.
"""

import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from moeasr.errors import InputError
from moeasr.fields import SPACES, split_fields
from moeasr.open_files import OpenFiles
from moeasr.text_lines import decode_line

BLOCK_BYTES = 1 << 22
MAX_KEY_BYTES = 500
"""Maximum length of a key. Every key takes the memory of the longest one, and a longer first field
usually means that the space after the key is missing."""

_KEY = re.compile(rb"[ \t]*([^ \t\n]+)[^\n]*\n?")
_VALUE = re.compile(rb"[ \t]*[^ \t\n]+[ \t]*([^\n]*)\n?")


class Table(Sequence[tuple[str, str]]):
    """The `key value...` lines of a file, each read from disk on access.

    The table uses positioned reads rather than a memory map. The pages of a memory map count as
    memory of every process that has touched them, and truncating a mapped file kills the process.

    Args:
        path: A table such as wav.scp or text, in UTF-8. The file is opened once, here. Replacing
            it by another file later does not affect this table.

    Attributes:
        path: The path of the file, as given.
        keys: (N,) the first fields, in file order, as fixed-width bytes.

    Raises:
        InputError: The file is missing, `parse_line` rejects a line, or a key appears twice or is
            longer than MAX_KEY_BYTES. The message names the file and the line.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"file {path} does not exist")
        self._files = OpenFiles()
        ends = [np.zeros(1, dtype=np.int64)]
        keys = [np.zeros(0, dtype="S1")]
        num_bytes = num_lines = 0
        for block in self.blocks():
            keys.append(np.array(self._keys(block, num_lines), dtype="S"))
            newlines = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
            ends.append(num_bytes + 1 + newlines)
            num_bytes += len(block)
            num_lines += len(keys[-1])
        self._ends = np.concatenate(ends)  # ends of the lines, preceded by a 0
        if num_lines == len(self._ends):  # the last line does not end with a newline
            self._ends = np.append(self._ends, num_bytes)
        self._ends = self._ends.astype(np.min_scalar_type(num_bytes))  # four bytes below 4 GiB
        self.keys: np.ndarray = np.concatenate(keys)
        self._refuse_repeats()

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self._ends) - 1

    def __getitem__(self, row: int) -> tuple[str, str]:
        """Return the key and value of a line, counted from 0.

        Raises:
            InputError: The file has changed since it was opened.
        """
        start, end = int(self._ends[row]), int(self._ends[row + 1])
        try:
            raw = os.pread(self._descriptor(), end - start, start)
            key, value = parse_line(raw, self.path, row + 1)
        except (OSError, InputError):
            key, value = "", ""
        if key.encode() != self.keys[row]:
            place = f"{self.path} was changed while it was in use (line {row + 1})"
            raise InputError(f"{place}; run the command again")
        return key, value

    def values(self) -> Iterator[str]:
        """Yield the values of all lines in order, in one pass through the file."""
        for block in self.blocks():
            for value in _VALUE.findall(block):
                yield value.decode("utf-8").rstrip(SPACES)

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield the key and value of all lines in order, in one pass through the file."""
        for key, value in zip(self.keys, self.values()):
            yield key.decode(), value

    def numbers(self, kind: Callable[[str], float] = int) -> np.ndarray:
        """Return the (N,) values as numbers.

        Args:
            kind: Type of the numbers, int or float.

        Raises:
            InputError: A value is not such a number, or does not fit into 64 bits.
        """
        try:
            return np.fromiter(map(kind, self.values()), dtype=kind, count=len(self))
        except (ValueError, OverflowError):
            raise InputError(self._no_number(kind)) from None

    def share_keys(self, other: "Table") -> None:
        """Keep the keys of another table instead of equal ones, which would take memory twice."""
        if np.array_equal(other.keys, self.keys):
            self.keys = other.keys

    def rows_of(self, keys: np.ndarray) -> np.ndarray:
        """Return the line of each of (M,) keys as (M,) int32; -1 for a key without a line."""
        if np.array_equal(keys, self.keys):
            return np.arange(len(keys), dtype=np.int32)
        if not len(self):
            return np.full(len(keys), -1, np.int32)
        places = np.searchsorted(self.keys, keys, sorter=self._order)
        rows = self._order[np.minimum(places, len(self) - 1)]
        return np.where(self.keys[rows] == keys, rows, -1).astype(np.int32)

    def blocks(self) -> Iterator[bytes]:
        """Yield the file in blocks of whole lines."""
        offset, rest = 0, b""
        while piece := os.pread(self._descriptor(), BLOCK_BYTES, offset):
            offset += len(piece)
            lines, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                yield lines + newline
        if rest:
            yield rest

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self.keys, kind="stable")

    def _descriptor(self) -> int:
        return self._files.descriptor(str(self.path))

    def _keys(self, block: bytes, num_lines: int) -> list[bytes]:
        """Return the keys of a block of whole lines that follows the first `num_lines` lines."""
        keys = _KEY.findall(block)
        if _is_plain(block) and len(keys) == block.count(b"\n") + (not block.endswith(b"\n")):
            longest = max(map(len, keys))
        else:  # the block may be malformed: check each line, so that a message can name it
            numbered = enumerate(io.BytesIO(block), start=num_lines + 1)
            keys = [parse_line(line, self.path, number)[0].encode() for number, line in numbered]
            longest = max(map(len, keys))
        if longest > MAX_KEY_BYTES:
            number = num_lines + 1 + next(i for i, key in enumerate(keys) if len(key) == longest)
            raise InputError(
                f"{self.path}, line {number}: its first field has {longest} bytes; is the space "
                "after the key missing?"
            )
        return keys

    def _refuse_repeats(self) -> None:
        if (self.keys[1:] > self.keys[:-1]).all():  # sorted in C order, so no key can repeat
            return
        ordered = self.keys[self._order]
        repeats = self._order[1:][ordered[1:] == ordered[:-1]]
        if len(repeats):
            row = int(repeats.min())
            raise InputError(
                f"{self.path}, line {row + 1}: '{self.keys[row].decode()}' appears a second time"
            )

    def _no_number(self, kind: Callable[[str], float]) -> str:
        for key, value in zip(self.keys, self.values()):
            try:
                np.fromiter([kind(value)], dtype=kind)
            except (ValueError, OverflowError):
                name = key.decode()
                return f"{self.path}: '{value}' of utterance {name} is not a number or is too large"
        return f"{self.path} was changed while it was being read; run the command again"


def parse_line(raw: bytes, path: str | Path, number: int) -> tuple[str, str]:
    """Return the key and value of one line of a table; a missing value is "".

    Args:
        raw: The line, with or without its newline.
        path: The file, for messages.
        number: The line's number from 1, for messages.

    Raises:
        InputError: The line is empty, begins with a byte order mark, contains a carriage return, or
            is not UTF-8.
    """
    where = f"{path}, line {number}"
    line = decode_line(raw, path, number)
    if "\r" in line:
        raise InputError(
            f"{where}: contains a carriage return (a Windows line ending); to remove all of them, "
            f"run: sed -i 's/\\r$//' {path}"
        )
    fields = split_fields(line, maxsplit=1)
    if not fields:
        raise InputError(f"{where}: is empty")
    return fields[0], fields[1] if len(fields) == 2 else ""


def _is_plain(block: bytes) -> bool:
    """Return whether `parse_line` would accept all lines, apart from lines without a key."""
    if b"\r" in block or b"\xef\xbb\xbf" in block:  # carriage return, byte order mark
        return False
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
