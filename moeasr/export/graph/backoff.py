"""The arcs of automata with failure arcs, as plain Python objects for building decoding graphs."""

from moeasr.decode.fusion.automaton import Arc, FailureAutomaton


class BackoffTable:
    """The arcs of a `FailureAutomaton`.

    An automaton follows a failure arc only if no other arc reads the symbol. A decoding graph has
    no such condition: its back-off arcs read nothing and may always be followed, as in Kaldi's
    graphs. The score of a sequence is therefore that of its best path. It equals the automaton's
    score for phrases, and for interpolated (Kneser-Ney) language models of one and two words. With
    longer n-grams, a path that backs off early may have a better score than the automaton.
    """

    def __init__(self, automaton: FailureAutomaton) -> None:
        self._own: list[dict[int, Arc]] = [{} for _ in range(automaton.fail_targets.numel())]
        columns = (automaton.keys[:-1], automaton.targets, automaton.weights)
        for key, target, weight in zip(*(column.tolist() for column in columns)):
            state, symbol = divmod(key, automaton.num_symbols)
            self._own[state][symbol] = Arc(target, weight)
        columns = (automaton.fail_targets, automaton.fail_weights)
        self._failures = [Arc(*values) for values in zip(*(column.tolist() for column in columns))]

    @property
    def num_states(self) -> int:
        """The number of states."""
        return len(self._own)

    def own(self, state: int) -> dict[int, Arc]:
        """Return the state's own arcs, by symbol."""
        return self._own[state]

    def failure(self, state: int) -> Arc | None:
        """Return the failure arc of a state; None for state 0."""
        return self._failures[state] if state != 0 else None

    def step(self, state: int, symbol: int) -> Arc:
        """Follow one symbol as `FailureAutomaton.step` does."""
        total = 0.0
        while symbol not in self._own[state]:
            if state == 0:
                return Arc(0, total)
            state, weight = self._failures[state]
            total += weight
        target, weight = self._own[state][symbol]
        return Arc(target, total + weight)
