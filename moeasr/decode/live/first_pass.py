"""The searches that go along with a stream and say what it says so far."""

from typing import Protocol

from torch import Tensor

from moeasr.decode.hypothesis import Hypothesis, PartialUnits


class FirstPass(Protocol):
    """A search that goes along with the encoder, of one stream or several."""

    def advance(self, log_probs: Tensor, lens: Tensor) -> None:
        """Take the frames (B, C, V) that are new, (B,) of them."""
        ...

    def hypotheses(self, is_final: bool = False) -> list[list[Hypothesis]]:
        """Return what each stream may say so far, or has said at its end, best first."""
        ...

    def partial(self, first: int = 0) -> list[PartialUnits]:
        """Return what each stream says so far, from a stable unit on."""
        ...
