"""Learning curves of a training, drawn from its `metrics.jsonl`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moeasr.metrics_file import read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (6.4, 4.0)
"""Width and height of a picture, inches."""


def loss_figure(exp_dir: Path) -> "Figure | None":
    """Return a figure of the losses on the training set and on dev over the steps.

    It is None if no losses were recorded.
    """
    train, dev = (_column(read_metrics(exp_dir, kind), "loss") for kind in ("train", "dev"))
    if not train and not dev:
        return None
    figure, axes = new_curves("loss per utterance", "step")
    if train:
        axes.plot(*zip(*train), label="train (mean since the start of the epoch)", linewidth=1)
    if dev:
        axes.plot(*zip(*dev), label="dev", marker="o", markersize=3)
    axes.legend(frameon=False)
    return figure


def wer_figure(exp_dir: Path) -> "Figure | None":
    """Return a figure of the word error rate on dev over the epochs.

    It is None if no word error rates were recorded.
    """
    records = read_metrics(exp_dir, "dev")
    by_epoch = [{**record, "step": epoch} for epoch, record in enumerate(records, start=1)]
    points = _column(by_epoch, "wer")
    if not points:
        return None
    figure, axes = new_curves("word error rate on dev (CTC greedy search), %", "epoch")
    axes.plot(*zip(*points), marker="o", markersize=3)
    best_epoch, best = min(points, key=lambda point: point[1])
    axes.axhline(best, color="0.6", linewidth=0.8, linestyle="--")
    axes.set_title(f"lowest: {best:.2f} % in epoch {best_epoch}", fontsize=10)
    axes.set_ylim(0, 1.05 * max(max(rate for _, rate in points), 1.0))
    axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def new_curves(label: str, x_label: str) -> "tuple[Figure, Axes]":
    """Return a figure and its axes for curves.

    Args:
        label: Label of the vertical axis.
        x_label: Label of the horizontal axis.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x_label)
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _column(records: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, float]]:
    """Return the (step, value) pairs of a metric, without records that lack it or hold null."""
    return [(record["step"], record[name]) for record in records if record.get(name) is not None]
