"""The interface of fusions, which score the prefixes of a search: n-grams, phrases, or both.

A fusion gives every unit sequence a score, and a state from which the sequence can be extended.
Both depend only on the sequence, so a search may merge equal prefixes.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

NUM_FUSION_UNITS = 20
"""Number of likeliest units per step that a search scores with the fusion."""


class Fusion(Protocol):
    """A batched scorer of unit sequences. A state is a row of S integers."""

    def start(self) -> Tensor:
        """Return the state (S,) int64 of the empty sequence, whose score is 0."""
        ...

    def extend(self, states: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """Extend each of K sequences by each of M units.

        Args:
            states: (..., K, S) states of sequences.
            units: (..., M) unit ids.

        Returns:
            (..., K, M) float64 increase of the score by each unit, and (..., K, M, S) new states.
        """
        ...

    def finish(self, states: Tensor) -> Tensor:
        """Return the increase (..., K) of the score by the end, for states (..., K, S)."""
        ...

    def most(self, states: Tensor, num_units: Tensor) -> Tensor:
        """Return an upper bound on the further score, which tells a search when to stop.

        Args:
            states: (..., K, S) states of sequences.
            num_units: (..., 1) maximum number of further units of each sequence.

        Returns:
            (..., K) float64 upper bound on what up to `num_units` further units and the end of
            the utterance can add to the score.
        """
        ...


class NoFusion:
    """A fusion that adds nothing to any score, for searches without a fusion."""

    def start(self) -> Tensor:
        """Return a state without entries, see `Fusion.start`."""
        return torch.zeros(0, dtype=torch.int64)

    def extend(self, states: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """Extend each sequence by each unit, see `Fusion.extend`."""
        shape = (*states.shape[:-1], units.size(-1))
        return self._zeros(shape, states.device), states.new_zeros(*shape, 0)

    def finish(self, states: Tensor) -> Tensor:
        """Return the score of the end of the utterance, see `Fusion.finish`."""
        return self._zeros(states.shape[:-1], states.device)

    def most(self, states: Tensor, num_units: Tensor) -> Tensor:
        """Return an upper bound on the further score, see `Fusion.most`."""
        return self._zeros(states.shape[:-1], states.device)

    def _zeros(self, shape: Sequence[int], device: torch.device) -> Tensor:
        return torch.zeros(shape, dtype=torch.float64, device=device)


class FusionSum(nn.Module):
    """A sum of several fusions, whose states are concatenated.

    Args:
        parts: One or more fusions, each a module.
    """

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self._sizes = [part.start().numel() for part in parts]

    def start(self) -> Tensor:
        """Return the state of the empty sequence, see `Fusion.start`."""
        return torch.cat([part.start() for part in self.parts])

    def extend(self, states: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """Extend each sequence by each unit, see `Fusion.extend`."""
        columns = states.split(self._sizes, dim=-1)
        scores, new_states = zip(*(p.extend(own, units) for p, own in zip(self.parts, columns)))
        return sum(scores), torch.cat(new_states, dim=-1)

    def finish(self, states: Tensor) -> Tensor:
        """Return the score of the end of the utterance, see `Fusion.finish`."""
        columns = states.split(self._sizes, dim=-1)
        return sum(part.finish(own) for part, own in zip(self.parts, columns))

    def most(self, states: Tensor, num_units: Tensor) -> Tensor:
        """Return an upper bound on the further score, see `Fusion.most`."""
        columns = states.split(self._sizes, dim=-1)
        return sum(part.most(own, num_units) for part, own in zip(self.parts, columns))
