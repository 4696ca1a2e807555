"""The acceptor of boosted phrases.

There are two states for each node of the phrases and script of the last letter. One reads units
before which there is no word boundary. The other comes after a boundary and reads all other units.
"""

from itertools import product

import torch

from moeasr.decode.fusion.automaton import Arc
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.export.graph.acceptor import EPSILON, Acceptor, label_of
from moeasr.export.graph.backoff import BackoffTable


def phrase_acceptor(phrases: ContextGraph) -> Acceptor:
    """Return the acceptor of all unit sequences, whose scores are those of the fusion."""
    table, boundary = BackoffTable(phrases.automaton), int(phrases.boundary)
    spellings = phrases.spellings
    units = torch.arange(len(spellings.letters))
    flags = torch.tensor([[False], [True]])
    breaks = (spellings.begins_word | spellings.begins_here(flags, units)).tolist()
    afters = spellings.after(flags, units).long().tolist()
    spaces: list[int] = units[spellings.begins_word & ~spellings.has_letters].tolist()
    all_units: list[int] = units[spellings.begins_word | spellings.has_letters].tolist()
    ends = phrases.finish(torch.arange(table.num_states)[:, None]).tolist()
    acceptor = Acceptor()

    def number(node: int, after: int, has_break: int) -> int:
        return (node * 2 + after) * 2 + has_break

    # The first state begins where a phrase may begin, after the boundary before the utterance.
    start = number(int(phrases.start()[0]), 0, 0)
    acceptor.num_states = 4 * table.num_states
    exchanged = {start: 0, 0: start}

    def add(source: int, label: int, score: float, target: int) -> None:
        source, target = exchanged.get(source, source), exchanged.get(target, target)
        acceptor.add_arc(source, label, score, target)

    for node, after, has_break in product(range(table.num_states), (0, 1), (0, 1)):
        state = number(node, after, has_break)
        own = table.own(node)
        for unit in all_units if node == 0 else [*own, *spaces]:
            if unit == boundary or breaks[after][unit] != bool(has_break):
                continue
            # a space ends a word and is no letter
            arc = Arc(node, 0.0) if unit in spaces else own.get(unit, Arc(0, 0.0))
            add(state, label_of(unit), arc.weight, number(arc.target, afters[after][unit], 0))
        failure = table.failure(node)
        if failure is not None:
            add(state, EPSILON, failure.weight, number(failure.target, after, has_break))
        if not has_break:
            behind = table.step(node, boundary)
            add(state, EPSILON, behind.weight, number(behind.target, after, 1))
            acceptor.finals[exchanged.get(state, state)] = ends[node]
    return acceptor
