"""Text as characters, with non-linguistic symbols such as `<noise>` kept whole."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from moeasr.errors import InputError
from moeasr.text.dictionary import BLANK, SOS_EOS, UNK
from moeasr.text.normalize import SPACE_UNIT, normalize
from moeasr.text.transcript import read_transcripts


class CharSplitter:
    """Splits text into characters and joins them again; the space is U+2581.

    Args:
        non_lang_syms: Symbols of several characters that are one unit each. `<unk>` always is.
    """

    def __init__(self, non_lang_syms: Sequence[str] = ()) -> None:
        self._pattern = symbol_pattern([UNK, *non_lang_syms])

    def split(self, text: str) -> list[str]:
        """The units of a clean text.

        >>> CharSplitter(["<noise>"]).split("a <noise>b")
        ['a', '\u2581', '<noise>', 'b']
        """
        units: list[str] = []
        # a capturing pattern: odd items of the split are the symbols themselves
        for index, part in enumerate(self._pattern.split(text)):
            if index % 2:
                units.append(part)
            else:
                units.extend(part.replace(" ", SPACE_UNIT))
        return units

    def join(self, units: Sequence[str]) -> str:
        """The text of some units, spaces cleaned."""
        return " ".join("".join(units).replace(SPACE_UNIT, " ").split())


def symbol_pattern(symbols: Iterable[str]) -> re.Pattern[str]:
    """A capturing pattern that finds each of `symbols`, the longest that fits first."""
    longest_first = sorted(set(symbols), key=lambda symbol: (-len(symbol), symbol))
    return re.compile("(" + "|".join(re.escape(symbol) for symbol in longest_first) + ")")


def read_non_lang_syms(path: str | Path) -> list[str]:
    """Read a list of non-linguistic symbols, one a line (the file form of ESPnet and WeNet).

    Raises:
        InputError: Naming file and line: two symbols in a line, a repeated or a reserved symbol.
    """
    symbols = []
    for symbol, rest in read_transcripts(path).items():
        if rest:
            raise InputError(f"{path}: the line of '{symbol}' must hold this one symbol only")
        if symbol in (BLANK, SOS_EOS):
            raise InputError(f"{path}: symbol '{symbol}' is reserved")
        symbols.append(normalize(symbol))
    return symbols
