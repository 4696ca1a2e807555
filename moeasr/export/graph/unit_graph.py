"""The acceptor of a language model over the units of the recogniser."""

from moeasr.decode.fusion.ngram import UnitNgram
from moeasr.export.graph.acceptor import EPSILON, Acceptor, label_of
from moeasr.export.graph.backoff import BackoffTable


def unit_acceptor(ngram: UnitNgram, histories: BackoffTable) -> Acceptor:
    """Return the acceptor of all unit sequences, whose states are the histories.

    Args:
        ngram: The language model.
        histories: The arcs of its network.
    """
    weight, extra = ngram.weights.weight, ngram.extra.tolist()
    units_of: dict[int, list[int]] = {}
    for unit, (symbol, is_silent) in enumerate(zip(ngram.numbers.tolist(), ngram.is_silent)):
        if not is_silent:
            units_of.setdefault(symbol, []).append(unit)
    # The start of an acceptor is state 0, so the numbers 0 and `begin` are exchanged.
    numbers = list(range(histories.num_states))
    begin = ngram.network.begin
    numbers[0], numbers[begin] = begin, 0
    acceptor = Acceptor()
    acceptor.num_states = histories.num_states
    for state, number in enumerate(numbers):
        for symbol, arc in histories.own(state).items():
            for unit in units_of.get(symbol, ()):
                score = weight * arc.weight + extra[unit]
                acceptor.add_arc(number, label_of(unit), score, numbers[arc.target])
        failure = histories.failure(state)
        if failure is not None:
            score = weight * failure.weight
            acceptor.add_arc(number, EPSILON, score, numbers[failure.target])
        acceptor.finals[number] = weight * histories.step(state, ngram.network.end).weight
    return acceptor
