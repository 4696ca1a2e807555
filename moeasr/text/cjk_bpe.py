"""WeNet's units of type BPE: single Chinese characters, and BPE pieces of the other text.

WeNet converts text to upper case first. Its units are the pieces that appear in the training text.
The BPE model may contain further pieces, which are unknown symbols.
"""

import re
from collections.abc import Sequence

from moeasr.text.bpe import BpeSplitter
from moeasr.text.characters import symbol_pattern
from moeasr.text.dictionary import UNK

HAN = re.compile("([\u4e00-\u9fff])")
"""Pattern of a Chinese character, which is a unit by itself."""


class CjkBpeSplitter:
    """A splitter of text into characters and BPE pieces, which can also join them.

    Args:
        model: The bytes of a sentencepiece model.
        non_lang_syms: Symbols in upper case that are one unit each, as `<unk>` always is.

    Raises:
        InputError: The bytes are not a sentencepiece model.
    """

    def __init__(self, model: bytes, non_lang_syms: Sequence[str] = ()) -> None:
        self._pieces = BpeSplitter(model)
        self._pattern = symbol_pattern([UNK, *non_lang_syms])

    def split(self, text: str) -> list[str]:
        """Split a normalised text into units."""
        units: list[str] = []
        # the patterns capture, so the odd parts of a split are the matches
        for index, part in enumerate(self._pattern.split(text)):
            if index % 2:
                units.append(part)
                continue
            for place, run in enumerate(HAN.split(part.upper())):
                units.extend([run] if place % 2 else self._pieces.split(run))
        return units

    def join(self, units: Sequence[str]) -> str:
        """Join units into a text, and merge successive spaces into one."""
        return self._pieces.join(units)
