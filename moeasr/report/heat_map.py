"""A picture of expert usage: layers x experts, and beside it each layer's imbalance."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moeasr.errors import InputError
from moeasr.moe.stats import LayerUsage, dead_experts, load_cv

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

# In fair parts; the scale is even on both sides of 1, and begins where an expert counts as dead.
TICKS = {1 / 4: "1/4", 1 / 2: "1/2", 1: "1", 2: "2", 4: "4"}


def check_matplotlib() -> None:
    """Find out before the work begins whether it can be drawn.

    Raises:
        InputError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise InputError("plots need matplotlib: pip install matplotlib")


def draw_expert_usage(layers: Sequence[LayerUsage], title: str, path: str | Path) -> None:
    """Draw each expert's share times E, and each layer's coefficient of variation, as a PNG.

    The colours are logarithmic, so that twice the fair part and half of it are equally far from
    the white of a balanced load. Dead experts are marked with a cross.

    Args:
        layers: As measured; they may differ in E.
        title: Above the picture; may have several lines.
        path: Where it is written.
    """
    from matplotlib.figure import Figure

    num_columns = max(layer.num_experts for layer in layers)
    size = (5.5 + 0.32 * num_columns, max(3.2, 1.9 + 0.24 * len(layers)))  # inches
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=10)
    heat, bars = figure.subplots(
        1, 2, sharey=True, width_ratios=(max(num_columns, 6), max(num_columns / 4, 4))
    )
    image = _draw_heat(heat, layers, num_columns)
    heat.set_yticks(range(len(layers)), [_label(layer.name) for layer in layers], fontsize=8)

    bars.barh(range(len(layers)), [load_cv(layer.load) for layer in layers], color="0.6")
    bars.set_xlabel("coefficient of variation")
    bars.tick_params(left=False, labelleft=False)
    bars.spines[["top", "right"]].set_visible(False)

    scale = figure.colorbar(image, ax=(heat, bars), extend="both", ticks=list(TICKS), aspect=30)
    scale.ax.set_yticklabels(TICKS.values())
    scale.ax.minorticks_off()
    scale.set_label("share of the load x E (1 = balanced)")

    parts = [layer.name.partition(".")[0] for layer in layers]
    for row in range(1, len(layers)):
        if parts[row] != parts[row - 1]:  # encoder | decoder | reverse decoder
            heat.axhline(row - 0.5, color="black", linewidth=0.8)
    figure.savefig(path, format="png", dpi=150)


def _draw_heat(axes: "Axes", layers: Sequence[LayerUsage], num_columns: int) -> "AxesImage":
    """Layers x experts; returns what a colour bar explains."""
    from matplotlib.colors import LogNorm

    axes.set_facecolor("0.85")  # shows where a layer has fewer experts
    grid = np.full((len(layers), num_columns), np.nan)
    for row, layer in enumerate(layers):
        grid[row, : layer.num_experts] = layer.relative_load
    image = axes.imshow(
        np.maximum(grid, 1e-6),  # 0 has no logarithm; all below the scale have its lowest colour
        cmap="RdBu_r",
        norm=LogNorm(min(TICKS), max(TICKS)),
        aspect="auto",
        interpolation="nearest",
    )
    dead = [
        (expert, row) for row, layer in enumerate(layers) for expert in dead_experts(layer.load)
    ]
    if dead:
        axes.scatter(*zip(*dead), marker="x", s=18, linewidths=1, color="white")
    axes.set_xlabel("expert (x: dead)" if dead else "expert")
    axes.set_xticks(range(0, num_columns, 1 + num_columns // 17))
    return image


def _label(name: str) -> str:
    """encoder.blocks.3.macaron_feed_forward -> encoder 3 macaron feed forward."""
    return name.replace(".blocks.", " ").replace(".", " ").replace("_", " ")
