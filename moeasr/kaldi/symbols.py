"""Conversion of symbols to integers and back by a table (sym2int.pl, int2sym.pl)."""

import sys

from moeasr.datadir.raw_tables import read_fields, show
from moeasr.errors import InputError

MAX_WARNINGS = 20
"""Maximum number of unknown symbols that messages name; the others are only counted."""


def read_symbols(path: str) -> dict[bytes, int]:
    """Read a table of `symbol integer` lines.

    Raises:
        InputError: The file is missing, or a line is not a symbol and an integer.
    """
    table = {}
    for number, (symbol, integer) in enumerate(read_fields(path, 2), start=1):
        if not integer.isdigit():
            raise InputError(f"{path}, line {number}: '{show(integer)}' is not an integer")
        table[symbol] = int(integer)
    return table


class SymbolsToIntegers:
    """A converter of fields of lines to integers, which counts unknown symbols.

    Args:
        table: The table that `read_symbols` returns.
        fields: The fields to convert.
        oov: Replacement of unknown symbols: a symbol of the table, or an integer. None makes them
            an error.

    Raises:
        InputError: `oov` is neither a symbol of the table nor an integer.
    """

    def __init__(self, table: dict[bytes, int], fields: slice, oov: str | None) -> None:
        self._table, self._fields = table, fields
        self.oov = int(oov) if oov and oov.isdigit() else table.get((oov or "").encode())
        if oov is not None and self.oov is None:
            raise InputError(f"the OOV symbol {oov} is not in the symbol table")
        self.num_replaced = 0

    def convert(self, line: bytes) -> bytes:
        """Replace the symbols of a line by their integers, and join its fields by single spaces.

        Raises:
            InputError: A symbol is unknown and there is no replacement.
        """
        words = line.split()
        for place in range(len(words))[self._fields]:
            words[place] = b"%d" % self._integer(words[place], place)
        return b" ".join(words)

    def _integer(self, symbol: bytes, place: int) -> int:
        if symbol in self._table:
            return self._table[symbol]
        if self.oov is None:
            raise InputError(f"undefined symbol {show(symbol)} (in position {place + 1})")
        self.num_replaced += 1
        if self.num_replaced <= MAX_WARNINGS:
            print(f"sym2int.pl: replacing {show(symbol)} with {self.oov}", file=sys.stderr)
        if self.num_replaced == MAX_WARNINGS:
            print("sym2int.pl: no further warnings about unknown symbols", file=sys.stderr)
        return self.oov


class IntegersToSymbols:
    """A converter of fields of lines to symbols.

    Args:
        path: The table.
        fields: The fields to convert.

    Raises:
        InputError: As in `read_symbols`.
    """

    def __init__(self, path: str, fields: slice) -> None:
        self._path, self._fields = path, fields
        self._table = {integer: symbol for symbol, integer in read_symbols(path).items()}

    def convert(self, line: bytes) -> bytes:
        """Replace the integers of a line by symbols; a space follows every field, as in Kaldi.

        Raises:
            InputError: A field is not an integer, or not in the table.
        """
        words = line.split()
        for place in range(len(words))[self._fields]:
            word = words[place]
            if not word.isdigit():
                raise InputError(f"{show(word)} is not an integer (in position {place + 1})")
            if int(word) not in self._table:
                raise InputError(f"integer {show(word)} is not in the symbol table {self._path}")
            words[place] = self._table[int(word)]
        return b"".join(word + b" " for word in words)
