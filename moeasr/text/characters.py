"""Units that are characters, or whole non-linguistic symbols such as `<noise>`."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from moeasr.errors import InputError
from moeasr.text.dictionary import BLANK, SOS_EOS, UNK
from moeasr.text.normalize import SPACE_UNIT, normalize
from moeasr.text.transcript import read_transcripts


class CharSplitter:
    """A splitter of text into characters, which can also join them; U+2581 represents the space.

    Args:
        non_lang_syms: Symbols of several characters that are one unit each, as `<unk>` always is.
    """

    def __init__(self, non_lang_syms: Sequence[str] = ()) -> None:
        self._pattern = symbol_pattern([UNK, *non_lang_syms])

    def split(self, text: str) -> list[str]:
        """Split a normalised text into units.

        >>> CharSplitter(["<noise>"]).split("a <noise>b")
        ['a', '\u2581', '<noise>', 'b']
        """
        units: list[str] = []
        # the pattern captures, so the odd items of the split are the symbols themselves
        for index, part in enumerate(self._pattern.split(text)):
            if index % 2:
                units.append(part)
            else:
                units.extend(part.replace(" ", SPACE_UNIT))
        return units

    def join(self, units: Sequence[str]) -> str:
        """Join units into a text, and merge successive spaces into one."""
        return " ".join("".join(units).replace(SPACE_UNIT, " ").split())


def symbol_pattern(symbols: Iterable[str]) -> re.Pattern[str]:
    """Return a capturing pattern that matches any of `symbols`, trying longer ones first."""
    longest_first = sorted(set(symbols), key=lambda symbol: (-len(symbol), symbol))
    return re.compile("(" + "|".join(re.escape(symbol) for symbol in longest_first) + ")")


def read_non_lang_syms(path: str | Path) -> list[str]:
    """Read a list of non-linguistic symbols, one per line, in the format of ESPnet and WeNet.

    Raises:
        InputError: A line has two symbols, or a symbol is repeated or reserved. The message names
            the file and the line or symbol.
    """
    symbols = []
    for symbol, rest in read_transcripts(path).items():
        if rest:
            raise InputError(f"{path}: the line of '{symbol}' must contain only this symbol")
        if symbol in (BLANK, SOS_EOS):
            raise InputError(f"{path}: symbol '{symbol}' is reserved")
        normal = normalize(symbol)  # a no-break space becomes a plain one
        if " " in normal:
            raise InputError(f"{path}: the symbol '{symbol}' contains a space")
        if normal in symbols:
            raise InputError(
                f"{path}: the symbol '{symbol}' appears twice, in two forms of Unicode"
            )
        symbols.append(normal)
    return symbols
