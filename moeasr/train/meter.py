"""Running sums of a training run: what the log shows, and what resuming must not lose."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from moeasr import distributed
from moeasr.models.outputs import LossOutput
from moeasr.moe.stats import usage_summary


def add_loads(sums: dict[str, Tensor], loads: Mapping[str, Tensor]) -> None:
    """Add the expert loads of each layer to those in `sums`, in float64 on the CPU."""
    for name, load in loads.items():
        load = load.to("cpu", torch.float64)
        sums[name] = sums[name] + load if name in sums else load


def sum_loads(loads: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The loads of each layer over all processes, some of which may have counted nothing."""
    sums: dict[str, Tensor] = {}
    for loads_of_rank in distributed.gather(dict(loads)):
        add_loads(sums, loads_of_rank)
    return sums


class ExpertUsage(NamedTuple):
    """How experts were used; both are empty for a model without experts."""

    summary: dict[str, float]
    """What the loads of all layers say together, see `moeasr.moe.stats.usage_summary`."""
    shares: dict[str, float]
    """Each expert's share of its layer's load, as `layer_03/expert_1`."""

    def describe(self) -> str:
        """Return the usage for the log of an epoch, or nothing for a model without experts."""
        if not self.shares:
            return ""
        num_idle = int(self.summary["num_dead_experts"])
        return (
            f", {num_idle} of {len(self.shares)} experts idle (below 1/4 of their fair share), "
            f"the busiest at {self.summary['load_max_share']:.1f} times its share"
        )


class Meter:
    """Adds up losses, accuracies and expert loads, kept in float64 on the CPU."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._sums: dict[str, float] = {}
        self._latest: dict[str, float] = {}
        self._loads: dict[str, Tensor] = {}

    def add(self, output: LossOutput) -> None:
        """Count one micro-batch."""
        self._weight += float(output.weight)
        for name, value in output.stats.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        add_loads(self._loads, output.expert_loads)

    def note(self, **values: float) -> None:
        """Remember the latest value of something that is not averaged."""
        self._latest.update(values)

    def means(self) -> dict[str, float]:
        """Means per utterance over all processes, and the latest notes."""
        # Gathered whole: a process that has counted nothing yet has no names to sum under.
        meters = distributed.gather({"weight": self._weight, "sums": self._sums})
        weight = max(sum(meter["weight"] for meter in meters), 1.0)
        totals: dict[str, float] = {}
        for meter in meters:
            for name, value in meter["sums"].items():
                totals[name] = totals.get(name, 0.0) + value
        return {**{name: totals[name] / weight for name in sorted(totals)}, **self._latest}

    def usage(self) -> ExpertUsage:
        """Return the usage of experts over all processes."""
        loads = sum_loads(self._loads)
        if not loads:
            return ExpertUsage({}, {})
        shares = {
            f"layer_{layer:02d}/expert_{expert}": float(share)
            for layer, load in enumerate(loads.values())
            for expert, share in enumerate(load / load.sum().clamp(min=1))
        }
        return ExpertUsage(usage_summary(list(loads.values())), shares)

    def state(self) -> dict[str, Any]:
        """All of it, in types that a checkpoint may hold."""
        return {
            "weight": self._weight,
            "sums": dict(self._sums),
            "latest": dict(self._latest),
            "loads": dict(self._loads),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Meter":
        """The meter that `state` was taken from."""
        meter = cls()
        meter._weight = state["weight"]
        meter._sums = dict(state["sums"])
        meter._latest = dict(state["latest"])
        meter._loads = dict(state["loads"])
        return meter
