"""Automata with failure arcs as decoding graphs need them: arc by arc, in plain Python."""

from moeasr.decode.fusion.automaton import Arc, FailureAutomaton


class BackoffTable:
    """The arcs of a `FailureAutomaton`.

    A decoding graph cannot follow a failure arc only where there is no other arc. Its back-off arcs
    read nothing and may be followed anywhere, as those of Kaldi's graphs. The score of a sequence
    is therefore that of its best path. Phrases have the same score as in the automaton, and so do
    language models of one and two words whose probabilities are interpolated (Kneser-Ney). In
    longer language models, a path may win because it forgets an unfavourable history early.
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
