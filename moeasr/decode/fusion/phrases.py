"""Boosted phrases (a context graph) as a fusion.

Each occurrence of a phrase in a hypothesis adds the boost of the phrase times the number of units
that the tokenizer makes of the phrase, where spaces do not count. Words are those of
`moeasr.text.scripts`: each character of Chinese, Japanese or Thai is a word, so a phrase in such a
script is found anywhere, with and without spaces, and `WENET` is found in `打开WENET网站`. The
match does not depend on the units that spell the words of the hypothesis.

Each letter of an incomplete phrase adds its share of the boost immediately, so that the beam keeps
the phrase. This provisional score is subtracted when the hypothesis departs from the phrase or the
utterance ends. Overlapping and nested phrases each count.

The phrases form a trie of letters. The failure arc of a node leads to the longest suffix of its
letters that begins a phrase (Aho and Corasick, "Efficient string matching", 1975). A unit takes all
its letters in one step.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from moeasr.decode.fusion.automaton import Arc, FailureAutomaton
from moeasr.decode.fusion.spelling import BOUNDARY, UnitSpellings, UnitTrie
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.text.normalize import normalize
from moeasr.text.tokenizer import Tokenizer
from moeasr.text_lines import read_lines

logger = get_logger(__name__)


class Phrase(NamedTuple):
    """A phrase to boost."""

    text: str
    boost: float
    """Number added to the natural-log score of a hypothesis for each unit of the phrase."""


def read_phrases(path: str | Path, boost: float) -> list[Phrase]:
    """Read a list of phrases, one per line, optionally followed by a tab and its own boost.

    Raises:
        InputError: The file is missing or contains no phrases, a boost is not a positive number,
            or a phrase appears twice or has characters that are not allowed in texts. The message
            names file and line.
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
            raise InputError(f"{path}:{number}: phrase '{text}' appears twice")
        found[text] = Phrase(text, own_boost)
    if not found:
        raise InputError(f"{path} contains no phrases")
    return list(found.values())


@dataclass
class _Node:
    """A node of the trie: the first letters of one or more phrases."""

    depth: int
    """Number of letters, without boundaries."""
    letter: str = ""
    """The last letter."""
    children: dict[str, int] = field(default_factory=dict)
    ahead: float = 0.0
    """Largest boost per letter among the phrases that continue from this node."""
    complete: float = 0.0
    """Score of the phrase that ends at this node, and of the phrases that are its suffixes."""
    ends_phrase: bool = False
    """True if the letters of the node are a complete phrase."""


class ContextGraph(nn.Module):
    """A fusion that boosts phrases; see the module.

    Args:
        phrases: The phrases.
        tokenizer: The units.

    Raises:
        InputError: None of the phrases can be written with the units.
    """

    def __init__(self, phrases: Sequence[Phrase], tokenizer: Tokenizer) -> None:
        super().__init__()
        written = [phrase for phrase in phrases if not tokenizer.unknown(phrase.text)]
        if len(written) < len(phrases):
            left = [phrase.text for phrase in phrases if phrase not in written]
            shown = ", ".join(left[:5])
            if not written:
                raise InputError(
                    f"none of the phrases can be written with the model's units: {shown}; check "
                    "their letter case"
                )
            logger.warning(
                "%d of %d phrases cannot be written with the model's units and are ignored: %s",
                *(len(left), len(phrases), shown),
            )
        self.spellings = spellings = UnitSpellings(tokenizer)
        trie = _Trie()
        for phrase in written:
            units = tokenizer.encode(phrase.text)
            num_units = sum(bool(spellings.letters[unit]) for unit in units)
            trie.add(spellings.spell(units), phrase.boost * num_units)
        trie.link()
        boundary = tokenizer.vocab_size  # the symbol after those of the units
        fails = [
            Arc(target, trie.provisional[target] - trie.provisional[number])
            for number, target in enumerate(trie.failures)
        ]
        arcs = _unit_arcs(trie, spellings.letters)
        for number, node in enumerate(trie.nodes):
            if node.letter == BOUNDARY or BOUNDARY in node.children:
                arcs[number, boundary] = Arc(*trie.step(number, BOUNDARY))
        self.automaton = FailureAutomaton(arcs, fails, boundary + 1)
        self.register_buffer("_provisional", torch.tensor(trie.provisional, dtype=torch.float64))
        self.register_buffer("boundary", torch.tensor(boundary))

    def start(self) -> Tensor:
        """Return the state of the empty sequence, see `Fusion.start`."""
        root = torch.zeros(1, dtype=torch.int64, device=self.boundary.device)
        node = self.automaton.step(root, self.boundary)[0]
        return torch.cat([node, torch.zeros_like(node)])

    def extend(self, states: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """Extend each sequence by each unit, see `Fusion.extend`."""
        units = units[..., None, :]
        nodes, after = states[..., None].unbind(-2)  # (..., K, 1)
        after = after.bool()
        behind, scores = self.automaton.step(nodes, self.boundary)
        spellings = self.spellings
        is_break = spellings.begins_word[units] | spellings.begins_here(after, units)
        scores = torch.where(is_break, scores, 0.0)
        nodes = torch.where(is_break, behind, nodes)
        is_spelled = spellings.has_letters[units]
        targets, gains = self.automaton.step(nodes, units)
        scores = scores + torch.where(is_spelled, gains, 0.0)
        nodes = torch.where(is_spelled, targets, nodes)
        return scores, torch.stack([nodes, spellings.after(after, units).long()], dim=-1)

    def finish(self, states: Tensor) -> Tensor:
        """Return the score of the end of the utterance, see `Fusion.finish`."""
        states, scores = self.automaton.step(states[..., 0], self.boundary)
        return scores - self._provisional[states]

    def most(self, states: Tensor, num_units: Tensor) -> Tensor:
        """Return an upper bound on the further score, see `Fusion.most`."""
        num_symbols = num_units * 2 + 1  # a unit may have a boundary before it
        return (self.automaton.max_weight * num_symbols.double()).expand(states.shape[:-1])


class _Trie:
    """Phrases letter by letter, each between two boundaries; node 0 is the root."""

    def __init__(self) -> None:
        self.nodes = [_Node(0)]
        self.failures = [0]
        """Target of each node's failure arc: the longest proper suffix that begins a phrase."""
        self.provisional = [0.0]
        """Provisional score of the incomplete phrases at each node."""

    def add(self, letters: Sequence[str], score: float) -> None:
        """Put a phrase into the trie."""
        place, depth = 0, 0
        share = score / sum(letter != BOUNDARY for letter in letters)
        for letter in [BOUNDARY, *letters, BOUNDARY]:
            node = self.nodes[place]
            node.ahead = max(node.ahead, share)
            depth += letter != BOUNDARY
            if letter not in node.children:
                node.children[letter] = len(self.nodes)
                self.nodes.append(_Node(depth, letter))
            place = node.children[letter]
        self.nodes[place].complete += score
        self.nodes[place].ends_phrase = True

    def link(self) -> None:
        """Compute the failure arcs and provisional scores after all phrases have been added.

        The provisional score of a node is the boost for its letters so far, which is taken back
        if the phrase is not completed. The field `complete` of a node also receives the scores of
        all phrases that are suffixes of the node's letters.
        """
        nodes = self.nodes
        self.failures = failures = [0] * len(nodes)
        queue = deque([0])
        while queue:
            number = queue.popleft()
            for letter, child in nodes[number].children.items():
                place = number
                while place != 0:
                    place = failures[place]
                    if letter in nodes[place].children:
                        failures[child] = nodes[place].children[letter]
                        break
                nodes[child].complete += nodes[failures[child]].complete
                queue.append(child)
        self.provisional = []
        for place in range(len(nodes)):
            while not nodes[place].children and place != 0:
                place = failures[place]  # the phrase is complete, but another may have begun in it
            self.provisional.append(nodes[place].depth * nodes[place].ahead)

    def step(self, place: int, letter: str) -> tuple[int, float]:
        """Follow a letter from a node of the trie; return the next node and the score."""
        if letter == BOUNDARY == self.nodes[place].letter:
            return place, 0.0  # two adjacent boundaries count as one
        target = place
        while letter not in self.nodes[target].children and target != 0:
            target = self.failures[target]
        target = self.nodes[target].children.get(letter, 0)
        gain = self.provisional[target] - self.provisional[place] + self.nodes[target].complete
        return target, gain

    def walk(self, place: int, letters: Sequence[str]) -> Arc:
        """Follow letters from a node of the trie, and return the last node and the total score."""
        total = 0.0
        for letter in letters:
            place, gain = self.step(place, letter)
            total += gain
        return Arc(place, total)


def _unit_arcs(trie: _Trie, spellings: Sequence[Sequence[str]]) -> dict[tuple[int, int], Arc]:
    """Return the arcs of units, each of which takes all letters of the unit in one step.

    A node needs its own arc for a unit only if the failure arc would give another target or score.
    This is so if all letters of the unit continue the node's phrase, or a phrase ends within them.
    """
    units = UnitTrie(spellings)
    arcs = {}
    for unit in units.below():
        arc = trie.walk(0, spellings[unit])
        if arc != Arc(0, 0.0):
            arcs[0, unit] = arc
    for start in range(1, len(trie.nodes)):
        pending = [(units, start)]
        while pending:
            piece, place = pending.pop()
            ends_here = place != start and trie.nodes[place].ends_phrase
            for unit in piece.below() if ends_here else piece.units:
                arcs[start, unit] = trie.walk(start, spellings[unit])
            if not ends_here:
                pending += piece.common(trie.nodes[place].children)
    return arcs
