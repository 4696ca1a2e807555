"""Boosted phrases as a trie of letters, without torch.

See `moeasr.decode.fusion.phrases` for the scores. The failure arc of a node leads to the longest
suffix of its letters that begins a phrase (Aho and Corasick, "Efficient string matching", 1975).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from moeasr.decode.fusion.unit_letters import BOUNDARY, UnitLetters
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


def written_phrases(phrases: Sequence[Phrase], tokenizer: Tokenizer) -> list[Phrase]:
    """Return the phrases that the units can write, after a warning about the others.

    Raises:
        InputError: The units can write none of the phrases.
    """
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
    return written


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


class PhraseTrie:
    """Phrases letter by letter, each between two boundaries; node 0 is the root.

    Args:
        phrases: The phrases, which the units can write.
        tokenizer: The units.
        unit_letters: Their letters.
    """

    def __init__(
        self, phrases: Sequence[Phrase], tokenizer: Tokenizer, unit_letters: UnitLetters
    ) -> None:
        self.nodes = [_Node(0)]
        self.failures = [0]
        """Target of each node's failure arc: the longest proper suffix that begins a phrase."""
        self.provisional = [0.0]
        """Provisional score of the incomplete phrases at each node."""
        for phrase in phrases:
            units = tokenizer.encode(phrase.text)
            num_units = sum(bool(unit_letters.letters[unit]) for unit in units)
            self._add(unit_letters.spell(units), phrase.boost * num_units)
        self._link()

    def _add(self, letters: Sequence[str], score: float) -> None:
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
        # two spellings, such as with and without a space in Chinese, may be one phrase
        self.nodes[place].complete = max(self.nodes[place].complete, score)
        self.nodes[place].ends_phrase = True

    def _link(self) -> None:
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

    def walk(self, place: int, letters: Sequence[str]) -> tuple[int, float]:
        """Follow letters from a node of the trie, and return the last node and the total score."""
        total = 0.0
        for letter in letters:
            place, gain = self.step(place, letter)
            total += gain
        return place, total
