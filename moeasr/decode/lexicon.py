"""The words that a language model knows, as a trie of letters that units walk.

A unit walks all its letters at once, so it does not matter how units cut a word.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from moeasr.decode.automaton import Arc, FailureAutomaton
from moeasr.errors import InputError
from moeasr.text.dictionary import BLANK, SOS_EOS
from moeasr.text.normalize import SPACE_UNIT


class Lexicon(nn.Module):
    """Beginnings of words, by number: 0 is every beginning of no word, 1 the empty one.

    Args:
        log_probs: Word -> its log-probability.
        units: All units; those that begin a word have U+2581 as their first character.

    Raises:
        InputError: A unit goes on behind a space.
    """

    NO_WORD = 0
    EMPTY = 1

    def __init__(self, log_probs: Mapping[str, float], units: Sequence[str]) -> None:
        super().__init__()
        children: list[dict[str, int]] = [{}, {}]
        self.words: list[str | None] = [None, None]
        """The word that each beginning is, if it is one."""
        self.best: list[float | None] = [None, None]
        """Largest log-probability of the words that begin so; None for `NO_WORD`."""
        for word, log_prob in log_probs.items():
            path = [self.EMPTY]
            for letter in word:
                if letter not in children[path[-1]]:
                    children[path[-1]][letter] = len(children)
                    children.append({})
                    self.words.append(None)
                    self.best.append(None)
                path.append(children[path[-1]][letter])
            self.words[path[-1]] = word
            for node in path:
                best = self.best[node]
                self.best[node] = log_prob if best is None else max(best, log_prob)

        spelling = ["" if unit in (BLANK, SOS_EOS) else unit for unit in units]
        is_break = [letters.startswith(SPACE_UNIT) for letters in spelling]
        spelling = [letters.removeprefix(SPACE_UNIT) for letters in spelling]
        for unit, letters in zip(units, spelling):
            if SPACE_UNIT in letters:
                raise InputError(
                    f"unit '{unit}' is more than one word; a language model of words needs units "
                    "within words"
                )
        pieces = _Piece()
        for number, letters in enumerate(spelling):
            if letters and not is_break[number]:
                pieces.add(letters, number)
        arcs = {}
        for start in range(self.EMPTY, len(children)):
            for unit, node in _walk(pieces, start, children):
                arcs[start, unit] = Arc(node, 0.0)
        pieces = _Piece()
        for number, letters in enumerate(spelling):
            if is_break[number]:
                pieces.add(letters, number)
        for unit, node in _walk(pieces, self.EMPTY, children):
            arcs[self.EMPTY, unit] = Arc(node, 0.0)
        failures = [Arc(self.NO_WORD, 0.0)] * len(children)
        self._automaton = FailureAutomaton(arcs, failures, len(units))
        self.register_buffer("is_break", torch.tensor(is_break))
        is_silent = [not letters and not new for letters, new in zip(spelling, is_break)]
        self.register_buffer("_is_silent", torch.tensor(is_silent))

    def step(self, nodes: Tensor, units: Tensor) -> Tensor:
        """Walk one unit from each beginning; one that begins a word leaves the old word behind."""
        starts = torch.where(self.is_break[units], self.EMPTY, nodes)
        targets, _ = self._automaton.step(starts, units)
        return torch.where(self._is_silent[units], nodes, targets)


class _Piece:
    """A trie of the units' letters."""

    def __init__(self) -> None:
        self.units: list[int] = []
        self.children: dict[str, _Piece] = {}

    def add(self, letters: str, unit: int) -> None:
        """Put a unit where its letters lead."""
        node = self
        for letter in letters:
            node = node.children.setdefault(letter, _Piece())
        node.units.append(unit)


def _walk(
    pieces: _Piece, start: int, children: Sequence[Mapping[str, int]]
) -> Iterator[tuple[int, int]]:
    """All units whose letters lead from a beginning of words to others, and where to."""
    pending = [(pieces, start)]
    while pending:
        piece, node = pending.pop()
        for unit in piece.units:
            yield unit, node
        for letter, following in piece.children.items():
            if letter in children[node]:
                pending.append((following, children[node][letter]))
