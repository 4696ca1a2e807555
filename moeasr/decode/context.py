"""Boosted phrases (a context graph) as a fusion.

Wherever one of the phrases is said, whole words of it, the score rises by the phrase's boost for
each of its units; spaces do not count. Each unit of a phrase that has begun raises the score at
once, so that the beam keeps it, and this is taken back when the words go another way or the
utterance ends. Phrases that overlap, or lie in one another, each count.

The phrases are a trie whose nodes fail over to the longest beginning of a phrase that is still
being said (Aho and Corasick, "Efficient string matching", 1975).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from moeasr.decode.automaton import Arc, FailureAutomaton
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.text.dictionary import BLANK, SOS_EOS
from moeasr.text.normalize import SPACE_UNIT, normalize
from moeasr.text.tokenizer import Tokenizer
from moeasr.text.transcript import read_lines

logger = get_logger(__name__)


class Phrase(NamedTuple):
    """What should be heard more often."""

    text: str
    boost: float
    """Added to the score for each unit, as a natural logarithm."""


def read_phrases(path: str | Path, boost: float) -> list[Phrase]:
    """Read a list of phrases: one a line, behind a tab its own boost if it has one.

    Raises:
        InputError: Naming file and line: the file is missing or holds no phrase, a boost is no
            number above 0, a phrase stands there twice or has characters that no text may have.
    """
    found: dict[str, Phrase] = {}
    for number, line in read_lines(path):
        text, *own = line.split("\t")
        try:
            text, own_boost = normalize(text), float(own[0]) if own else boost
        except InputError as error:
            raise InputError(f"{path}:{number}: {error}") from None
        except ValueError:
            raise InputError(f"{path}:{number}: the boost '{own[0]}' is not a number") from None
        if len(own) > 1 or (own and not text):
            raise InputError(f"{path}:{number}: must be `phrase` or `phrase TAB boost`")
        if not text:
            continue
        if not 0 < own_boost < float("inf"):
            raise InputError(f"{path}:{number}: a boost must be above 0, but is {own_boost:g}")
        if text in found:
            raise InputError(f"{path}:{number}: phrase '{text}' stands there twice")
        found[text] = Phrase(text, own_boost)
    if not found:
        raise InputError(f"{path} holds no phrase")
    return list(found.values())


@dataclass
class _Node:
    """A beginning of phrases."""

    depth: int
    """Units in it, spaces not counted."""
    children: dict[int, int] = field(default_factory=dict)
    ahead: float = 0.0
    """Largest boost of the phrases that go on from here."""
    complete: float = 0.0
    """Score of the phrase that ends here, and of those that end in it."""


class ContextGraph(nn.Module):
    """Boosts phrases; see the module.

    Units are what the tokenizer makes of a phrase: with BPE other pieces for the same words are not
    the phrase.

    Args:
        phrases: What is boosted.
        tokenizer: The units.

    Raises:
        InputError: None of the phrases can be written with the units.
    """

    def __init__(self, phrases: Sequence[Phrase], tokenizer: Tokenizer) -> None:
        super().__init__()
        units = tokenizer.units
        # A unit is up to two symbols: the boundary that it begins with, and itself.
        boundary, has_boundaries = len(units), tokenizer.config.type != "word"
        is_break = [has_boundaries and unit.startswith(SPACE_UNIT) for unit in units]
        is_silent = [unit in (BLANK, SOS_EOS, SPACE_UNIT) for unit in units]
        written = [phrase for phrase in phrases if not tokenizer.unknown(phrase.text)]
        if len(written) < len(phrases):
            left = [phrase.text for phrase in phrases if phrase not in written]
            message = f"phrases that the model's units cannot write: {', '.join(left[:5])}"
            if not written:
                raise InputError(f"all of them are {message} (is letter case the same?)")
            logger.warning("left out %d %s", len(left), message)
        nodes = [_Node(0)]
        for phrase in written:
            symbols = [boundary] if has_boundaries else []
            for unit in tokenizer.encode(phrase.text):
                symbols += [boundary] * (is_break[unit] and symbols[-1:] != [boundary])
                symbols += [unit] * (not is_silent[unit])
            _add(nodes, [*symbols, boundary] if has_boundaries else symbols, phrase.boost, boundary)
        failures = _link(nodes)
        provisional = _provisional(nodes, failures)
        arcs = {}
        for number, node in enumerate(nodes):
            for symbol, child in node.children.items():
                gain = provisional[child] - provisional[number] + nodes[child].complete
                arcs[number, symbol] = Arc(child, gain)
                if symbol == boundary:
                    arcs[child, symbol] = Arc(child, 0.0)  # two spaces are one
        fails = [
            Arc(target, provisional[target] - provisional[number])
            for number, target in enumerate(failures)
        ]
        self._automaton = FailureAutomaton(arcs, fails, len(units) + 1)
        self.register_buffer("_provisional", torch.tensor(provisional, dtype=torch.float64))
        self.register_buffer("_is_break", torch.tensor(is_break))
        self.register_buffer("_is_silent", torch.tensor(is_silent))
        self.register_buffer("_boundary", torch.tensor(boundary))
        self._has_boundaries = has_boundaries

    def start(self) -> Tensor:
        """See `Fusion.start`."""
        root = torch.zeros(1, dtype=torch.int64, device=self._boundary.device)
        return self._automaton.step(root, self._boundary)[0] if self._has_boundaries else root

    def extend(self, states: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """See `Fusion.extend`."""
        units = units[..., None, :]
        behind, scores = self._automaton.step(states, self._boundary)  # (..., K, 1)
        is_break, is_silent = self._is_break[units], self._is_silent[units]
        scores = torch.where(is_break, scores, 0.0)
        states = torch.where(is_break, behind, states)
        targets, gains = self._automaton.step(states, units)
        scores = scores + gains.masked_fill(is_silent, 0.0)
        return scores, torch.where(is_silent, states, targets)[..., None]

    def finish(self, states: Tensor) -> Tensor:
        """See `Fusion.finish`."""
        states, scores = states[..., 0], 0.0
        if self._has_boundaries:
            states, scores = self._automaton.step(states, self._boundary)
        return scores - self._provisional[states]

    def most(self, states: Tensor, num_units: Tensor) -> Tensor:
        """See `Fusion.most`."""
        num_symbols = num_units * 2 + 1 if self._has_boundaries else num_units
        return (self._automaton.max_weight * num_symbols.double()).expand(states.shape[:-1])


def _add(nodes: list[_Node], symbols: Sequence[int], boost: float, boundary: int) -> None:
    """Put a phrase into the trie."""
    place, depth = 0, 0
    for symbol in symbols:
        nodes[place].ahead = max(nodes[place].ahead, boost)
        depth += symbol != boundary
        if symbol not in nodes[place].children:
            nodes[place].children[symbol] = len(nodes)
            nodes.append(_Node(depth))
        place = nodes[place].children[symbol]
    nodes[place].complete += boost * depth


def _link(nodes: list[_Node]) -> list[int]:
    """Where each node fails to: the longest other beginning of a phrase that it ends in.

    `complete` gets the phrases that end in a node's phrase, too.
    """
    failures = [0] * len(nodes)
    queue = deque([0])
    while queue:
        number = queue.popleft()
        for symbol, child in nodes[number].children.items():
            place = number
            while place != 0:
                place = failures[place]
                if symbol in nodes[place].children:
                    failures[child] = nodes[place].children[symbol]
                    break
            nodes[child].complete += nodes[failures[child]].complete
            queue.append(child)
    return failures


def _provisional(nodes: list[_Node], failures: list[int]) -> list[float]:
    """What the phrases that have begun may be worth: nothing is certain yet."""
    values: list[float | None] = [None] * len(nodes)
    values[0] = 0.0
    for number in range(len(nodes)):
        place = number
        while not nodes[place].children and place != 0:
            place = failures[place]  # a phrase that is over: another may have begun in it
        values[number] = nodes[place].depth * nodes[place].ahead
    return values
