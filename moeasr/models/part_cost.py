"""Costs of the parts of a model, and their sums."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from torch import Tensor

ENCODER_PARTS = (
    *("subsampling", "attention", "convolution", "feed-forward", "router", "norms"),
    "other modules",
)
"""Parts of the encoder; `convolution` is the Conformer's convolution or the FSMN memory block."""
DECODER_PARTS = ("decoder", "reverse decoder")
PARTS = (*ENCODER_PARTS, "CTC head", "embedding network", *DECODER_PARTS, "other heads")


class Use(NamedTuple):
    """The cost of one pass through the weights of a module, for one utterance."""

    part: str
    """Name of the part, one of `PARTS`."""
    weights: Iterable[Tensor]
    """Weights of the module."""
    macs: int
    """Multiply-adds of this use."""
    active: Fraction = Fraction(1)
    """Share of the weights that works on one frame."""
    uncounted: str | None = None
    """Class of the module if its multiply-adds are unknown; `macs` is then 0."""


class PartCost(NamedTuple):
    """The cost of one part of a model."""

    part: str
    """Name of the part, one of `PARTS`, or the name of a sum of parts."""
    total_params: int
    """Number of all parameters. A shared tensor is counted in the first part that uses it."""
    active_params: int
    """Number of parameters that work on one frame, as in `moeasr.models.build.count_params`."""
    macs_per_sec: float
    """Multiply-adds per second of audio."""
    uncounted: tuple[str, ...] = ()
    """Classes of the modules whose multiply-adds are unknown and not in `macs_per_sec`."""


def tally(uses: Iterable[Use], utterance_sec: float) -> list[PartCost]:
    """Sum the costs by part. Multiply-adds count at every use, a shared tensor only once."""
    total, active, macs = (dict.fromkeys(PARTS, 0) for _ in range(3))
    uncounted: dict[str, dict[str, None]] = {}  # by part, in the order of the model
    seen = set()
    for use in uses:
        names = uncounted.setdefault(use.part, {})
        if use.uncounted is not None:
            names[use.uncounted] = None
        macs[use.part] += use.macs
        for weight in use.weights:
            if id(weight) not in seen:
                seen.add(id(weight))
                total[use.part] += weight.numel()
                active[use.part] += int(weight.numel() * use.active)
    return [
        PartCost(
            part, total[part], active[part], macs[part] / utterance_sec, tuple(uncounted[part])
        )
        for part in PARTS
        if part in uncounted
    ]


def sum_of(costs: Iterable[PartCost], name: str, parts: Sequence[str] = PARTS) -> PartCost:
    """Return the sum of some parts under a new name."""
    chosen = [cost for cost in costs if cost.part in parts]
    return PartCost(
        name,
        sum(cost.total_params for cost in chosen),
        sum(cost.active_params for cost in chosen),
        sum(cost.macs_per_sec for cost in chosen),
        tuple(dict.fromkeys(name for cost in chosen for name in cost.uncounted)),
    )


def cost_record(costs: Sequence[PartCost]) -> dict[str, Any]:
    """Return plain values for JSON: the sums of the whole model and of the encoder, and each part.

    `macs_per_audio_sec` includes encoder, heads, embedding network and both decoders. `uncounted`
    lists the classes of the modules whose multiply-adds are missing in it.
    """
    whole, encoder = sum_of(costs, "model"), sum_of(costs, "encoder", ENCODER_PARTS)
    return {
        "total_params": whole.total_params,
        "active_params": whole.active_params,
        "macs_per_audio_sec": round(whole.macs_per_sec),
        "encoder_total_params": encoder.total_params,
        "encoder_active_params": encoder.active_params,
        "encoder_macs_per_audio_sec": round(encoder.macs_per_sec),
        "uncounted": list(whole.uncounted),
        "parts": [
            {
                "part": cost.part,
                "total_params": cost.total_params,
                "active_params": cost.active_params,
                "macs_per_audio_sec": round(cost.macs_per_sec),
                "uncounted": list(cost.uncounted),
            }
            for cost in costs
        ],
    }
