"""Boosted phrases (a context graph) as a fusion.

Each occurrence of a phrase in a hypothesis adds the boost of the phrase times the number of units
that the tokenizer makes of the phrase, where spaces do not count. Words are those of
`moeasr.text.scripts`: each character of Chinese, Japanese or Thai is a word, so a phrase in such a
script is found anywhere, with and without spaces, and `WENET` is found in `打开WENET网站`. The
match does not depend on the units that spell the words of the hypothesis.

Each letter of an incomplete phrase adds its share of the boost immediately, so that the beam keeps
the phrase. This provisional score is subtracted when the hypothesis departs from the phrase or the
utterance ends. Overlapping and nested phrases each count.

`moeasr.decode.fusion.phrase_trie` holds the letters of the phrases. A unit takes all its letters in
one step.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moeasr.decode.fusion.automaton import Arc, FailureAutomaton
from moeasr.decode.fusion.phrase_trie import Phrase, PhraseTrie, written_phrases
from moeasr.decode.fusion.spelling import UnitSpellings
from moeasr.decode.fusion.unit_letters import BOUNDARY, UnitTrie
from moeasr.text.tokenizer import Tokenizer


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
        self.spellings = UnitSpellings(tokenizer)
        unit_letters = self.spellings.unit_letters
        trie = PhraseTrie(written_phrases(phrases, tokenizer), tokenizer, unit_letters)
        boundary = tokenizer.vocab_size  # the symbol after those of the units
        fails = [
            Arc(target, trie.provisional[target] - trie.provisional[number])
            for number, target in enumerate(trie.failures)
        ]
        arcs = _unit_arcs(trie, unit_letters.letters)
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


def _unit_arcs(trie: PhraseTrie, spellings: Sequence[Sequence[str]]) -> dict[tuple[int, int], Arc]:
    """Return the arcs of units, each of which takes all letters of the unit in one step.

    A node needs its own arc for a unit only if the failure arc would give another target or score.
    This is so if all letters of the unit continue the node's phrase, or a phrase ends within them.
    """
    units = UnitTrie(spellings)
    arcs = {}
    for unit in units.below():
        arc = Arc(*trie.walk(0, spellings[unit]))
        if arc != Arc(0, 0.0):
            arcs[0, unit] = arc
    for start in range(1, len(trie.nodes)):
        pending = [(units, start)]
        while pending:
            piece, place = pending.pop()
            ends_here = place != start and trie.nodes[place].ends_phrase
            for unit in piece.below() if ends_here else piece.units:
                arcs[start, unit] = Arc(*trie.walk(start, spellings[unit]))
            if not ends_here:
                pending += piece.common(trie.nodes[place].children)
    return arcs
