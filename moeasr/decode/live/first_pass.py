"""The interface of searches that run along with a stream and give partial results."""

from typing import Any, Protocol

from moeasr.decode.hypothesis import Hypothesis, PartialUnits


class FirstPass(Protocol):
    """A search that processes the encoder output of one or more streams as it arrives."""

    def advance(self, log_probs: Any, lens: Any) -> None:
        """Search new frames (B, C, V), of which each stream has the number in (B,) `lens`.

        Both are tensors of torch or arrays of NumPy.
        """
        ...

    def hypotheses(self, is_final: bool = False) -> list[list[Hypothesis]]:
        """Return the hypotheses of each stream so far, or at its end, best first."""
        ...

    def partial(self, first: int = 0) -> list[PartialUnits]:
        """Return the units recognised in each stream so far, starting at index `first`."""
        ...
