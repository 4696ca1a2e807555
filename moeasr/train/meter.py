"""Running sums of a training: the metrics of the log, which a resumed run continues."""

from collections.abc import Mapping, Sequence
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
    """Return the loads of each layer, summed over the processes that have counted any."""
    sums: dict[str, Tensor] = {}
    for loads_of_rank in distributed.gather(dict(loads)):
        add_loads(sums, loads_of_rank)
    return sums


class ExpertUsage(NamedTuple):
    """Usage of the experts; everything is empty for a model without experts."""

    summary: dict[str, float]
    """Statistics over all layers, see `moeasr.moe.stats.usage_summary`."""
    shares: dict[str, float]
    """Share of each expert in the load of its layer, by names such as `layer_03/expert_1`."""
    loads: dict[str, Tensor]
    """Number of assignments to each expert, (E,), by the path of the layer."""

    def describe(self) -> str:
        """Return the usage for the log of an epoch, or nothing for a model without experts."""
        if not self.shares:
            return ""
        num_dead = int(self.summary["num_dead_experts"])
        return (
            f", {num_dead} of {len(self.shares)} experts dead (below 1/4 of an equal share), "
            f"the busiest at {self.summary['load_max_share']:.1f} times an equal share"
        )


class Meter:
    """Sums of losses, accuracies and expert loads, in float64 on the CPU."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._sums: dict[str, float] = {}
        self._latest: dict[str, float] = {}
        self._loads: dict[str, Tensor] = {}

    def add(self, output: LossOutput) -> None:
        """Add one micro-batch."""
        self._weight += float(output.weight)
        for name, value in output.stats.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        add_loads(self._loads, output.expert_loads)

    def note(self, **values: float) -> None:
        """Keep the latest value of metrics that are not averaged."""
        self._latest.update(values)

    def means(self) -> dict[str, float]:
        """Return means per utterance over all processes, and the latest notes."""
        # All names are gathered: a process that has counted nothing yet does not know them.
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
            return ExpertUsage({}, {}, {})
        shares = {
            f"layer_{layer:02d}/expert_{expert}": float(share)
            for layer, load in enumerate(loads.values())
            for expert, share in enumerate(load / load.sum().clamp(min=1))
        }
        return ExpertUsage(usage_summary(list(loads.values())), shares, loads)

    def state(self) -> dict[str, Any]:
        """Return the sums in types that a checkpoint may hold."""
        return {
            "weight": self._weight,
            "sums": dict(self._sums),
            "latest": dict(self._latest),
            "loads": dict(self._loads),
        }

    @classmethod
    def from_states(
        cls, states: Sequence[Mapping[str, Any]], latest: Mapping[str, float]
    ) -> "Meter":
        """Return the sum of stored meters, see `state`.

        Args:
            states: The meters of the processes that this process continues; may be empty.
            latest: The latest values of metrics that are not averaged.
        """
        meter = cls()
        meter._latest = dict(latest)
        for state in states:
            meter._weight += state["weight"]
            for name, value in state["sums"].items():
                meter._sums[name] = meter._sums.get(name, 0.0) + value
            add_loads(meter._loads, state["loads"])
        return meter
