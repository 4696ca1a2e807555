"""From units to words: a transducer that reads units and writes the words of a lexicon.

It finds every division of the units into words. Words end at spaces and, in scripts without spaces,
between two words of the text (see `moeasr.text.scripts`). Any word of the text may also be read as
the unknown word. There are three kinds of states:

    LETTERS   after the letters of a word that may continue; reads units without a space before them
    SPACE     after a word and before a space; reads units that begin with a space
    BREAK     after a word boundary without a space; reads units before which there is a boundary
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch

from moeasr.decode.fusion.lexicon import EMPTY, NO_WORD, UNKNOWN, Lexicon
from moeasr.decode.fusion.unit_letters import BOUNDARY, UnitTrie

LETTERS, SPACE, BREAK = range(3)

Words = tuple[int, ...]


class ReaderArc(NamedTuple):
    """An arc that reads a unit, or nothing, and writes words."""

    unit: int | None
    words: Words
    """Numbers of words in the lexicon."""
    target: int


class _State(NamedTuple):
    kind: int
    node: int
    """Node of the lexicon: `EMPTY` between words, `NO_WORD` in an unknown word."""
    after_unspaced: bool
    """The last letter is of a script without spaces."""


class WordReader:
    """The transducer; its start is state 0.

    Args:
        lexicon: The words.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._trie = lexicon.trie
        spellings = lexicon.spellings
        units = torch.arange(len(spellings.letters))
        self._root = UnitTrie(spellings.letters)
        self._begins_word = spellings.begins_word.tolist()
        flags = torch.tensor([[False], [True]])
        self._begins_here = spellings.begins_here(flags, units).tolist()
        self._after = spellings.after(flags, units).tolist()
        self._spaces = (spellings.begins_word & ~spellings.has_letters).nonzero()[:, 0].tolist()
        self._walks: dict[int, list[tuple[int, Words, int]]] = {}
        self._numbers: dict[_State, int] = {}
        self._states: list[_State] = []
        self.arcs: list[list[ReaderArc]] = []
        """The arcs of each state."""
        self._number(_State(LETTERS, EMPTY, False))
        while len(self.arcs) < len(self._states):
            self.arcs.append(list(self._arcs_of(self._states[len(self.arcs)])))
        self._walks.clear()

    def is_between_words(self, state: int) -> bool:
        """Return whether no letter of a word has been read."""
        return self._states[state].node == EMPTY

    def last_words(self, state: int) -> Words | None:
        """Return the words that the end of the utterance completes; None if it cannot end here.

        The text in an incomplete word counts as unknown words.
        """
        kind, node, _ = self._states[state]
        if kind != LETTERS:
            return None
        if node == EMPTY:
            return ()
        word = self._word(node)
        return (UNKNOWN,) * self._trie[node].num_words if word is None else (word,)

    def _number(self, state: _State) -> int:
        if state not in self._numbers:
            self._numbers[state] = len(self._states)
            self._states.append(state)
        return self._numbers[state]

    def _arcs_of(self, state: _State) -> Iterator[ReaderArc]:
        kind, node, after = state
        begins_here = self._begins_here[after]
        for unit, words, target in self._walk(node):
            own_kind = SPACE if self._begins_word[unit] else BREAK if begins_here[unit] else LETTERS
            if own_kind == kind:
                yield ReaderArc(unit, words, self._letters(target, after, unit))
        if kind == SPACE:
            for unit in self._spaces:
                yield ReaderArc(unit, (), self._letters(EMPTY, after, unit))
        if kind == LETTERS:
            word = self._word(node)
            if node == EMPTY or word is not None:
                words = () if node == EMPTY else (word,)
                yield ReaderArc(None, words, self._number(_State(SPACE, EMPTY, False)))
            if any(begins_here):
                for target, words in self._step(node, (), BOUNDARY):
                    yield ReaderArc(None, words, self._number(_State(BREAK, target, after)))

    def _letters(self, node: int, after: bool, unit: int) -> int:
        return self._number(_State(LETTERS, node, self._after[after][unit]))

    def _word(self, node: int) -> int | None:
        """Return the word that ends at a node of the lexicon's trie; None if no word ends there."""
        return UNKNOWN if node == NO_WORD else self._trie[node].word

    def _walk(self, node: int) -> list[tuple[int, Words, int]]:
        """Return the units readable from a node of the trie, each with its words and last node."""
        if node in self._walks:
            return self._walks[node]
        found = self._walks[node] = []
        pending = [(self._root, node, ())]
        while pending:
            piece, place, words = pending.pop()
            found += [(unit, words, place) for unit in piece.units]
            for letter in self._next_letters(piece, place):
                for target, more in self._step(place, words, letter):
                    pending.append((piece.children[letter], target, more))
        return found

    def _next_letters(self, piece: UnitTrie, node: int) -> list[str]:
        if node in (NO_WORD, EMPTY):
            return list(piece.children)
        letters = piece.children.keys() & self._trie[node].children.keys()
        return sorted(letters | (piece.children.keys() & {BOUNDARY}))

    def _step(self, node: int, words: Words, letter: str) -> Iterator[tuple[int, Words]]:
        """Follow a letter in the trie; yield every node after it, with all words read so far."""
        child = self._trie[node].children.get(letter)
        if letter != BOUNDARY:
            if child is not None:
                yield child, words
            if node in (NO_WORD, EMPTY):
                yield NO_WORD, words
        elif node == EMPTY or self._trie[node].letter == BOUNDARY:
            yield node, words  # two adjacent boundaries count as one
        else:
            if child is not None and self._trie[child].children:
                yield child, words  # a word of several words of the text
            word = self._word(node)
            if word is not None:
                yield EMPTY, (*words, word)
