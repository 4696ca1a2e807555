"""Weighted automata with failure arcs, used for n-gram back-off and for phrase matching."""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Arc(NamedTuple):
    """An arc of an automaton: the state to which a symbol leads, and the weight that it adds."""

    target: int
    weight: float


class FailureAutomaton(nn.Module):
    """States with arcs labelled by symbols, and one failure arc per state.

    A state without an arc for a symbol follows its failure arc, and the target state tries again. A
    symbol without an arc in state 0 leads back to state 0 and adds nothing. All tensors are
    buffers, so `to(device)` moves them.

    Args:
        arcs: (state, symbol) -> arc. Symbols are 0 to `num_symbols` - 1.
        failures: Failure arc of each state; that of state 0 is not used.
        num_symbols: Number of symbols.
    """

    def __init__(
        self, arcs: Mapping[tuple[int, int], Arc], failures: list[Arc], num_symbols: int
    ) -> None:
        super().__init__()
        self.num_symbols = num_symbols
        found = sorted((state * num_symbols + symbol, arc) for (state, symbol), arc in arcs.items())
        keys = [key for key, _ in found]
        # The last key is larger than any other, so a search never ends after the table.
        self._add("keys", [*keys, torch.iinfo(torch.int64).max], torch.int64)
        self._add("targets", [*(arc.target for _, arc in found), 0], torch.int64)
        self._add("weights", [*(arc.weight for _, arc in found), 0.0], torch.float64)
        failures = [Arc(0, 0.0), *failures[1:]]
        self._add("fail_targets", [arc.target for arc in failures], torch.int64)
        self._add("fail_weights", [arc.weight for arc in failures], torch.float64)

    def _add(self, name: str, values: list, dtype: torch.dtype) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=dtype))

    @cached_property
    def max_weight(self) -> float:
        """Maximum weight that a symbol can add in any state."""
        best = torch.full_like(self.fail_weights, float("-inf"))
        states = self.keys[:-1].div(self.num_symbols, rounding_mode="floor")
        best = best.scatter_reduce(0, states, self.weights[:-1], "amax")
        best[0] = max(0.0, float(best[0]))  # weight of a symbol without an arc
        while True:  # once for each failure arc in the longest chain
            better = torch.maximum(best, self.fail_weights + best[self.fail_targets])
            if torch.equal(better, best):
                return float(best.max())
            best = better

    def step(self, states: Tensor, symbols: Tensor) -> tuple[Tensor, Tensor]:
        """Follow one symbol from each state.

        Args:
            states: int64 states of any shape.
            symbols: int64 symbols whose shape broadcasts with that of `states`.

        Returns:
            Target states and summed weights (float64) in the common shape.
        """
        states, symbols = torch.broadcast_tensors(states, symbols)
        shape = states.shape
        states, symbols = states.flatten(), symbols.flatten()
        targets = torch.zeros_like(states)
        totals = torch.zeros(states.shape, dtype=torch.float64, device=states.device)
        open_places = torch.arange(states.numel(), device=states.device)
        while open_places.numel() > 0:
            keys = states * self.num_symbols + symbols
            places = torch.searchsorted(self.keys, keys)
            is_found = self.keys[places] == keys
            targets[open_places] = torch.where(is_found, self.targets[places], 0)
            totals[open_places] += torch.where(
                is_found, self.weights[places], self.fail_weights[states]
            )
            still_open = ~is_found & (states != 0)
            open_places, symbols = open_places[still_open], symbols[still_open]
            states = self.fail_targets[states[still_open]]
        return targets.view(shape), totals.view(shape)
