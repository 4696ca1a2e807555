"""The best path of an acceptor, found by dynamic programming over its arcs."""

from collections.abc import Sequence

from moeasr.export.graph.acceptor import EPSILON, Acceptor

NEVER = float("-inf")


class Paths:
    """The arcs of an acceptor, by source and label."""

    def __init__(self, acceptor: Acceptor) -> None:
        self.finals = acceptor.finals
        self.arcs: dict[tuple[int, int], list[tuple[float, int]]] = {}
        for source, label, score, target in zip(*(x.tolist() for x in acceptor.arcs())):
            self.arcs.setdefault((source, label), []).append((score, target))

    def best(self, labels: Sequence[int]) -> float:
        """Return the score of the best path that reads the labels and ends."""
        reached = self._close({0: 0.0})
        for label in labels:
            reached = self._close(self._follow(reached, label))
        return max(
            (score + self.finals.get(s, NEVER) for s, score in reached.items()), default=NEVER
        )

    def _follow(self, reached: dict[int, float], label: int) -> dict[int, float]:
        after: dict[int, float] = {}
        for state, score in reached.items():
            for more, target in self.arcs.get((state, label), ()):
                after[target] = max(after.get(target, NEVER), score + more)
        return after

    def _close(self, reached: dict[int, float]) -> dict[int, float]:
        frontier = reached
        while frontier:
            after = self._follow(frontier, EPSILON)
            frontier = {s: x for s, x in after.items() if x > reached.get(s, NEVER) + 1e-12}
            reached = {**reached, **frontier}
        return reached
