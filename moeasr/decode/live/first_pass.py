"""The interface of searches that run along with a stream and give partial results."""

from typing import Any, Protocol

from moeasr.decode.hypothesis import Hypothesis, PartialUnits


class FirstPass(Protocol):
    """A search that processes the encoder output of one or more streams as it arrives."""

    def advance(self, log_probs: Any, lens: Any) -> None:
        """Search the next frames of each stream.

        Args:
            log_probs: (B, C, V) CTC log-probabilities of the new frames, a tensor of torch or an
                array of NumPy.
            lens: (B,) number of new frames of each stream, from 0 to C, of the same library.
        """
        ...

    def hypotheses(self, is_final: bool = False) -> list[list[Hypothesis]]:
        """Return the hypotheses of each stream, best first; `is_final` marks the end of streams."""
        ...

    def partial(self, first: int = 0) -> list[PartialUnits]:
        """Return the units recognised in each stream so far, starting at index `first`."""
        ...
