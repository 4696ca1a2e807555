"""The course of a training for the report: losses, error rates and expert loads."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moeasr.errors import InputError
from moeasr.metrics_file import read_metrics
from moeasr.score.results_table import read_json
from moeasr.score.training_block import DATA_SETS

_SHARE = re.compile(r"layer_(\d+)/expert_(\d+)")


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """The course of a training; all lists are empty if `metrics.jsonl` is missing."""

    train_loss: list[tuple[int, float]]
    """Steps and losses on the training set."""
    dev_loss: list[tuple[int, float]]
    """Steps and losses on the development set."""
    dev_wer: list[tuple[int, float]]
    """Epochs, from 1, and word error rates on the development set in percent."""
    dev_set: tuple[int, float] | None
    """Number of utterances and hours of the development set; None if they were not recorded."""
    load: list[list[list[float]]]
    """Share of the load by epoch, layer and expert. Layers are in the order of the model."""

    @classmethod
    def read(cls, exp_dir: Path) -> "TrainingFacts":
        """Read the metrics and the size of the development set of an experiment.

        Raises:
            InputError: A file is malformed.
        """
        train, dev, experts = (read_metrics(exp_dir, kind) for kind in ("train", "dev", "experts"))
        return cls(
            train_loss=[(r["step"], r["loss"]) for r in train if r.get("loss") is not None],
            dev_loss=[(r["step"], r["loss"]) for r in dev if r.get("loss") is not None],
            dev_wer=[(n, r["wer"]) for n, r in enumerate(dev, 1) if r.get("wer") is not None],
            dev_set=_read_dev_set(exp_dir / DATA_SETS),
            load=[_shares(record) for record in experts],
        )


def _read_dev_set(path: Path) -> tuple[int, float] | None:
    if not path.is_file():
        return None
    content = read_json(path)
    try:
        return int(content["dev"]["num_utts"]), float(content["dev"]["hours"])
    except (LookupError, TypeError, ValueError):
        raise InputError(f"{path} must hold `num_utts` and `hours` of `dev`") from None


def _shares(record: dict) -> list[list[float]]:
    """Return the shares in a record by layer and expert."""
    layers: dict[int, dict[int, float]] = {}
    for key, value in record.items():
        if match := _SHARE.fullmatch(key):
            layers.setdefault(int(match[1]), {})[int(match[2])] = value
    return [[layer[e] for e in sorted(layer)] for _, layer in sorted(layers.items())]


def grid_of(load: list[list[list[float]]], layer: int) -> np.ndarray:
    """Return the share of each expert of a layer times E by epoch, (E, epochs); NaN if unknown."""
    epochs = [epoch[layer] if layer < len(epoch) else [] for epoch in load]
    grid = np.full((max(map(len, epochs)), len(epochs)), np.nan)
    for column, shares in enumerate(epochs):
        grid[: len(shares), column] = np.array(shares, dtype=np.float64) * len(shares)
    return grid
