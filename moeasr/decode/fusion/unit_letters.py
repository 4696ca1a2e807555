"""Letters of the units, and the word boundaries in them, without torch.

Words are those of `moeasr.text.scripts`. Phrases and the words of a language model are compared
with a hypothesis letter by letter, so the division of a word into units does not matter.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from moeasr.text.byte_units import byte_of
from moeasr.text.dictionary import BLANK, SOS_EOS
from moeasr.text.normalize import SPACE_UNIT
from moeasr.text.scripts import extends, is_unspaced, joins
from moeasr.text.tokenizer import Tokenizer

BOUNDARY = " "
"""A special letter that separates two words."""


class UnitLetters:
    """The letters of all units.

    A letter is a character or a byte unit (`<0xE6>`). The first byte of a sequence of three or four
    bytes counts as a character of a script without spaces.

    Args:
        tokenizer: The units.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        is_word = tokenizer.config.type == "word"
        self.letters: list[tuple[str, ...]] = []
        """Letters of each unit, with `BOUNDARY` between its words but not at its beginning. They
        end in `BOUNDARY` if the unit ends in a space."""
        self.junctions: list[Junction] = []
        """The ends of each unit."""
        for unit in tokenizer.units:
            letters = tuple(_letters(unit))
            begins_word = unit.startswith(SPACE_UNIT) or (is_word and bool(letters))
            self.letters.append(letters)
            self.junctions.append(Junction.of(letters, begins_word))

    def is_break(self, after_unspaced: bool, unit: int) -> bool:
        """Return whether a word boundary comes before a unit.

        Args:
            after_unspaced: True if the previous letter is of a script without spaces.
            unit: The unit.
        """
        junction = self.junctions[unit]
        is_new = (junction.first_unspaced or after_unspaced) and not junction.first_extends
        return junction.begins_word or (bool(self.letters[unit]) and is_new)

    def after(self, after_unspaced: bool, unit: int) -> bool:
        """Return the value of `after_unspaced` after a unit."""
        junction = self.junctions[unit]
        return after_unspaced if junction.keeps_last else junction.last_unspaced

    def spell(self, units: Sequence[int]) -> list[str]:
        """Return the letters of a text, with `BOUNDARY` between words but not at its ends."""
        spelled, after = [BOUNDARY], False
        for unit in units:
            if spelled[-1] != BOUNDARY and self.is_break(after, unit):
                spelled.append(BOUNDARY)
            spelled += self.letters[unit]
            after = self.after(after, unit)
        return spelled[1 : -1 if len(spelled) > 1 and spelled[-1] == BOUNDARY else None]


class Junction(NamedTuple):
    """The ends of a unit, which determine the word boundaries to its neighbours."""

    begins_word: bool
    first_extends: bool
    first_unspaced: bool
    last_unspaced: bool
    keeps_last: bool
    """True if the unit is a combining mark or has no text. The letter before it then decides
    whether a word ends after it."""

    @classmethod
    def of(cls, letters: Sequence[str], begins_word: bool) -> "Junction":
        first, last = (letters[0], letters[-1]) if letters else (BOUNDARY, BOUNDARY)
        is_mark = all(map(_extends, letters)) and not _is_unspaced(last)
        return cls(
            begins_word,
            first_extends=_extends(first),
            first_unspaced=_is_unspaced(first),
            last_unspaced=_is_unspaced(last),
            keeps_last=is_mark and not begins_word,
        )


class UnitTrie:
    """A trie of the units' letters.

    Args:
        spellings: Letters of each unit; units without any are left out.
    """

    def __init__(self, spellings: Sequence[Sequence[str]] = ()) -> None:
        self.units: list[int] = []
        """Units that end at this node."""
        self.children: dict[str, UnitTrie] = {}
        for unit, letters in enumerate(spellings):
            node = self
            for letter in letters:
                node = node.children.setdefault(letter, UnitTrie())
            if letters:
                node.units.append(unit)

    def common(self, others: Mapping[str, int]) -> Iterator[tuple["UnitTrie", int]]:
        """Yield, for each letter that both have, the child of this node and the value in others."""
        for letter in min(self.children, others, key=len):
            if letter in self.children and letter in others:
                yield self.children[letter], others[letter]

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
