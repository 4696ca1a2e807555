"""WeNet's units of type BPE: Chinese characters one by one, BPE pieces of all that lies between.

WeNet writes every text in capitals first. Its units are the pieces that occurred in the training
text, so that the model may know further ones; these are unknown symbols.
"""

import re
from collections.abc import Sequence

from moeasr.text.bpe import BpeSplitter
from moeasr.text.characters import symbol_pattern
from moeasr.text.dictionary import UNK

HAN = re.compile("([\u4e00-\u9fff])")
"""A character that is a unit by itself."""


class CjkBpeSplitter:
    """Splits text into characters and pieces, and joins them again.

    Args:
        model: The bytes of a sentencepiece model.
        non_lang_syms: Symbols that are one unit each, in capitals. `<unk>` always is.

    Raises:
        InputError: The bytes are no such model.
    """

    def __init__(self, model: bytes, non_lang_syms: Sequence[str] = ()) -> None:
        self._pieces = BpeSplitter(model)
        self._pattern = symbol_pattern([UNK, *non_lang_syms])

    def split(self, text: str) -> list[str]:
        """The units of a clean text."""
        units: list[str] = []
        # capturing patterns: odd parts of a split are what was looked for
        for index, part in enumerate(self._pattern.split(text)):
            if index % 2:
                units.append(part)
                continue
            for place, run in enumerate(HAN.split(part.upper())):
                units.extend([run] if place % 2 else self._pieces.split(run))
        return units

    def join(self, units: Sequence[str]) -> str:
        """The text of some units, spaces cleaned."""
        return self._pieces.join(units)
