"""Letters of the units, and the word boundaries in them and between them.

Words are those of `moeasr.text.scripts`. Phrases and the words of a language model are compared
with a hypothesis letter by letter, so it does not matter how units cut a word.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from moeasr.text.byte_units import byte_of
from moeasr.text.dictionary import BLANK, SOS_EOS
from moeasr.text.normalize import SPACE_UNIT
from moeasr.text.scripts import extends, is_unspaced, joins
from moeasr.text.tokenizer import Tokenizer

BOUNDARY = " "
"""A letter of its own: here one word ends and another begins."""


class UnitSpellings(nn.Module):
    """Letters of all units.

    A letter is a character, or a byte unit (`<0xE6>`). The first byte of three or four counts as a
    character of a script without spaces.

    Args:
        tokenizer: The units.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        is_word = tokenizer.config.type == "word"
        self.letters: list[tuple[str, ...]] = []
        """For each unit, with `BOUNDARY` between its words and none at its beginning; it ends in
        one if the unit ends in a space."""
        begins_word, first_extends, first_unspaced, last_unspaced, keeps = [], [], [], [], []
        for unit in tokenizer.units:
            letters = tuple(_letters(unit))
            begins_word.append(unit.startswith(SPACE_UNIT) or (is_word and bool(letters)))
            self.letters.append(letters)
            first, last = (letters[0], letters[-1]) if letters else (BOUNDARY, BOUNDARY)
            first_extends.append(_extends(first))
            first_unspaced.append(_is_unspaced(first))
            last_unspaced.append(_is_unspaced(last))
            is_mark = all(_extends(x) for x in letters) and not _is_unspaced(last)
            keeps.append(is_mark and not begins_word[-1])
        self.register_buffer("begins_word", torch.tensor(begins_word))
        """(V,) the unit begins with a space."""
        silent = [not x and not begins for x, begins in zip(self.letters, begins_word)]
        self.register_buffer("is_silent", torch.tensor(silent))
        """(V,) the unit is no text."""
        self.register_buffer("_first_extends", torch.tensor(first_extends))
        self.register_buffer("_first_unspaced", torch.tensor(first_unspaced))
        self.register_buffer("_last_unspaced", torch.tensor(last_unspaced))
        self.register_buffer("_keeps", torch.tensor(keeps))

    def begins_here(self, after_unspaced: Tensor, units: Tensor) -> Tensor:
        """Return whether the script puts a word boundary before each unit, space or not.

        Args:
            after_unspaced: bool, whether the letter before is of a script without spaces.
            units: int64, of a shape that fits it.
        """
        is_new = (self._first_unspaced[units] | after_unspaced) & ~self._first_extends[units]
        return is_new & ~self.is_silent[units] & ~self.begins_word[units]

    def after(self, after_unspaced: Tensor, units: Tensor) -> Tensor:
        """Return `after_unspaced` behind the units."""
        return torch.where(self._keeps[units], after_unspaced, self._last_unspaced[units])

    def spell(self, units: Sequence[int]) -> list[str]:
        """Return the letters of a text, with one `BOUNDARY` between two words, none at the ends."""
        letters, after = [], torch.tensor(False)
        for unit in torch.tensor(units, dtype=torch.int64):
            if self.begins_word[unit] or self.begins_here(after, unit):
                letters.append(BOUNDARY)
            letters += self.letters[unit]
            after = self.after(after, unit)
        spelled = [x for x, before in zip(letters, [BOUNDARY, *letters]) if x + before != "  "]
        return spelled[:-1] if spelled[-1:] == [BOUNDARY] else spelled


class UnitTrie:
    """A trie of the units' letters.

    Args:
        spellings: Letters of each unit; units without any are left out.
    """

    def __init__(self, spellings: Sequence[Sequence[str]] = ()) -> None:
        self.units: list[int] = []
        """Units that end here."""
        self.children: dict[str, UnitTrie] = {}
        for unit, letters in enumerate(spellings):
            node = self
            for letter in letters:
                node = node.children.setdefault(letter, UnitTrie())
            if letters:
                node.units.append(unit)

    def below(self) -> Iterator[int]:
        """Yield all units that begin with the letters of this node."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield from node.units
            pending.extend(node.children.values())


def _letters(unit: str) -> Iterator[str]:
    if unit in (BLANK, SOS_EOS):
        return
    if byte_of(unit) is not None:
        yield unit
        return
    text = unit.replace(SPACE_UNIT, BOUNDARY).lstrip(BOUNDARY)
    for before, letter in zip(BOUNDARY + text, text):
        is_inside = BOUNDARY not in (before, letter)
        if is_inside and not joins(before, letter):
            yield BOUNDARY
        if is_inside or before != letter:
            yield letter


def _is_unspaced(letter: str) -> bool:
    byte = byte_of(letter)
    return is_unspaced(letter) if byte is None else byte >= 0xE0


def _extends(letter: str) -> bool:
    byte = byte_of(letter)
    return extends(letter) if byte is None else 0x80 <= byte < 0xC0
