"""Segmentation of unit sequences into the words of a language model, as an automaton.

Text is split into the words of `moeasr.text.scripts`: at spaces, and around each character of a
script without spaces. The words of the language model are then found between two spaces from left
to right by longest match: the next word is the longest word of the language model that begins at
the current position and ends between two words of the text. If there is none, one word of the text
is unknown. An English word between spaces is therefore known or unknown as a whole, whereas Chinese
words are found by longest match.

    lexicon  北京 北京大学 大学 学生
    北京大学生  ->  北京大学 <unk>     (not 北京 大学生: the longest word wins)
    北京学生    ->  北京 学生

A state holds the letters since the last certain word. They begin one or more words of the lexicon.
When the next letter continues none of these words, the longest word within the letters becomes
certain, and the failure arc leads to the state of the remaining letters. Each unit takes all its
letters in one step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from moeasr.decode.fusion.spelling import UnitSpellings
from moeasr.decode.fusion.unit_letters import BOUNDARY, UnitTrie
from moeasr.errors import InputError
from moeasr.text.normalize import SPACE_UNIT
from moeasr.text.tokenizer import Tokenizer

NO_WORD = 0
"""The state of letters that begin no word of the lexicon, in which no word has ended yet."""
EMPTY = 1
"""The state of no letters."""
UNKNOWN = 0
"""Id of the unknown word. The ids of the other words follow in the order of the lexicon."""

Emit = Callable[[Tensor, Tensor], None]
"""A function that receives the words that have become certain: their rows and their ids."""


@dataclass
class _State:
    """A state of the automaton: the letters since the last word that has become certain."""

    letter: str = ""
    """The last letter."""
    children: dict[str, int] = field(default_factory=dict)
    num_words: int = 1
    """Number of words of the text that begin in the letters."""
    best: float | None = None
    """Largest log-probability of the words that continue from this state; None if no word
    continues."""
    word: int | None = None
    """Id of the word that the letters spell; None if they spell no word."""
    emitted: int | None = None
    """Id of the word that the failure arc makes certain; None if no word is certain yet."""
    rest: int = EMPTY
    """Target of the failure arc: the state of the letters after that word."""


class Lexicon(nn.Module):
    """An automaton of the words of a language model, see the module. States are int64 numbers.

    Args:
        log_probs: Word -> its log-probability. The units must be able to spell all words.
        tokenizer: The units.

    Raises:
        InputError: A unit continues after a space.
    """

    def __init__(self, log_probs: Mapping[str, float], tokenizer: Tokenizer) -> None:
        super().__init__()
        self.spellings = spellings = UnitSpellings(tokenizer)
        for unit in tokenizer.units:
            if SPACE_UNIT in unit.lstrip(SPACE_UNIT):
                raise InputError(
                    f"unit '{unit}' contains more than one word, so words of a language model "
                    "cannot be found; use a language model over units (--lm-level unit)"
                )
        self._states = [_State(num_words=1), _State(num_words=0)]
        self._chains: dict[tuple[int, int], int] = {}
        words = [spellings.spell(tokenizer.encode(word)) for word in log_probs]
        for number, (letters, log_prob) in enumerate(zip(words, log_probs.values()), start=1):
            self._add(letters, number, log_prob)
        num_trie = len(self._states)
        self.trie = self._states[:num_trie]
        """The states of the words, letter by letter; `NO_WORD` and `EMPTY` come first."""
        self._link()
        boundary = tokenizer.vocab_size  # the symbol after those of the units
        self._num_symbols = boundary + 1
        arcs = self._arcs(spellings.letters, range(num_trie))
        for number, state in enumerate(self._states[:num_trie]):
            if BOUNDARY in state.children:
                arcs[number * self._num_symbols + boundary] = state.children[BOUNDARY]
        arcs[EMPTY * self._num_symbols + boundary] = EMPTY
        after_unknown = [self._chain(*self._run(NO_WORD, letters)) for letters in spellings.letters]
        found = sorted(arcs.items())
        keys = [key for key, _ in found]
        # The last key is larger than any other, so a search never ends after the table.
        self._add_buffer("keys", [*keys, torch.iinfo(torch.int64).max])
        self._add_buffer("targets", [*(target for _, target in found), EMPTY])
        self._add_buffer("boundary", boundary)
        # The boundary has arcs, too, because it makes an unknown word certain.
        self._add_buffer("after_unknown", [*after_unknown, EMPTY])
        states = self._states
        self._add_buffer("is_chain", [number >= num_trie for number in range(len(states))])
        self._add_buffer("is_open", [state.emitted is None for state in states])
        self._add_buffer("fail_words", [state.emitted or UNKNOWN for state in states])
        self._add_buffer("fail_targets", [state.rest for state in states])
        flushed = [
            (s.emitted or UNKNOWN, s.rest) if s.word is None else (s.word, EMPTY) for s in states
        ]
        self._add_buffer("flush_words", [word for word, _ in flushed])
        self._add_buffer("flush_targets", [target for _, target in flushed])
        self._add_buffer("num_words", [state.num_words for state in states])
        """Maximum number of words in the letters of each state."""
        self.max_words_per_unit: int = max(x.count(BOUNDARY) + 1 for x in spellings.letters)
        self.best: list[float | None] = [state.best for state in states]
        """Largest log-probability of the words that continue from each state, or None."""

    def take(self, states: Tensor, symbols: Tensor, emit: Emit) -> Tensor:
        """Extend each state by a unit, or by a word boundary in a script without spaces.

        Args:
            states: (N,) states.
            symbols: (N,) ids of units with letters, or `boundary`.
            emit: Function that receives all words that become certain, in the order of each row.

        Returns:
            (N,) the new states.
        """
        states = states.clone()
        rows = torch.arange(states.numel(), device=states.device)
        while rows.numel() > 0:
            now = states[rows]
            keys = now * self._num_symbols + symbols[rows]
            places = torch.searchsorted(self.keys, keys)
            is_found = self.keys[places] == keys
            # Letters continue an unknown word, which a boundary makes certain.
            goes_on = ~is_found & self.is_open[now]
            ends = goes_on & (symbols[rows] == self.boundary)
            fails = ~is_found & ~goes_on
            if bool((fails | ends).any()):
                emit(rows[fails | ends], self.fail_words[now[fails | ends]])
            target = torch.where(is_found, self.targets[places], self.fail_targets[now])
            target = torch.where(goes_on, self.after_unknown[symbols[rows]], target)
            states[rows] = target
            rows = rows[fails]
        return self._settle(states, emit)

    def flush(self, states: Tensor, emit: Emit) -> None:
        """End the text of each state as a space does, which makes all its words certain."""
        rows = (states != EMPTY).nonzero().squeeze(1)
        states = states.clone()
        while rows.numel() > 0:
            now = states[rows]
            emit(rows, self.flush_words[now])
            states[rows] = self.flush_targets[now]
            rows = rows[states[rows] != EMPTY]

    def _settle(self, states: Tensor, emit: Emit) -> Tensor:
        """Emit the words of the states that `_chain` has made, and leave these states."""
        rows = self.is_chain[states].nonzero().squeeze(1)
        while rows.numel() > 0:
            emit(rows, self.fail_words[states[rows]])
            states[rows] = self.fail_targets[states[rows]]
            rows = rows[self.is_chain[states[rows]]]
        return states

    def _add_buffer(self, name: str, values: list | int) -> None:
        self.register_buffer(name, torch.tensor(values))

    def _add(self, letters: Sequence[str], number: int, log_prob: float) -> None:
        """Add a word and the boundary after it to the trie."""
        place = EMPTY
        for letter in [*letters, BOUNDARY]:
            state = self._states[place]
            if letter not in state.children:
                state.children[letter] = len(self._states)
                num_words = max(state.num_words, 1) + (state.letter == BOUNDARY)
                self._states.append(_State(letter, num_words=num_words))
            if place != EMPTY:
                state.best = log_prob if state.best is None else max(state.best, log_prob)
            if letter == BOUNDARY:
                before = place
            place = state.children[letter]
        last = self._states[place]
        if last.word is None:  # the first of two words with the same spelling
            last.word = self._states[before].word = number
        last.best = log_prob if last.best is None else max(last.best, log_prob)

    def _link(self) -> None:
        """Find the first certain word of each state, shorter states first."""
        order = [EMPTY]
        for place in order:
            order.extend(self._states[place].children.values())
        pending: dict[int, tuple[int | None, list[int], int]] = {EMPTY: (None, [], EMPTY)}
        for place in order:
            emitted, more, rest = pending.pop(place)
            state = self._states[place]
            if emitted is not None:
                state.emitted, state.rest = emitted, self._chain(more, rest)
            for letter, child in state.children.items():
                if letter == BOUNDARY and self._states[child].word is not None:
                    pending[child] = (self._states[child].word, [], EMPTY)
                elif letter == BOUNDARY and emitted is None:
                    pending[child] = (UNKNOWN, [], EMPTY)
                elif emitted is None:
                    pending[child] = (None, [], EMPTY)
                else:
                    words, target = self._run(rest, [letter])
                    pending[child] = (emitted, more + words, target)

    def _run(self, place: int, letters: Sequence[str]) -> tuple[list[int], int]:
        """Return the words that become certain after further letters, and the next state."""
        words: list[int] = []
        for letter in letters:
            while letter not in self._states[place].children:
                state = self._states[place]
                if state.emitted is not None:
                    words.append(state.emitted)
                    place = state.rest
                elif letter != BOUNDARY:
                    place = NO_WORD
                    break
                else:
                    words += [UNKNOWN] * (place != EMPTY)
                    place = EMPTY
                    break
            else:
                place = self._states[place].children[letter]
        return words, place

    def _chain(self, words: Sequence[int], target: int) -> int:
        """Return a state that emits exactly these words and then leads to the target."""
        for word in reversed(words):
            key = (word, target)
            if key not in self._chains:
                self._chains[key] = len(self._states)
                self._states.append(_State(emitted=word, rest=target))
            target = self._chains[key]
        return target

    def _arcs(self, spellings: Sequence[Sequence[str]], places: Sequence[int]) -> dict[int, int]:
        """Return the arcs as key -> target state, where a key is state * number of symbols + unit.

        A state needs its own arc for a unit only if the failure arc would give another result. This
        is so if all letters of the unit continue a word of the lexicon, or a word ends within them.
        """
        units = UnitTrie(spellings)
        arcs: dict[int, int] = {}
        for unit in units.below():
            arcs[EMPTY * self._num_symbols + unit] = self._chain(*self._run(EMPTY, spellings[unit]))
        for start in places[EMPTY + 1 :]:
            pending = [(units, start)]
            while pending:
                piece, place = pending.pop()
                state = self._states[place]
                ends_here = place != start and state.letter == BOUNDARY and state.word is not None
                for unit in piece.below() if ends_here else piece.units:
                    target = self._chain(*self._run(start, spellings[unit]))
                    arcs[start * self._num_symbols + unit] = target
                if not ends_here:
                    pending += piece.common(state.children)
        return arcs
