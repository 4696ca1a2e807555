"""A heat map of expert usage: layers x experts, with the imbalance of each layer beside it."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from moeasr.errors import InputError
from moeasr.moe.stats import LayerUsage, dead_experts, load_cv

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# Multiples of the balanced share. The scale is symmetric around 1 and starts at the share below
# which an expert counts as dead.
TICKS = {1 / 4: "1/4", 1 / 2: "1/2", 1: "1", 2: "2", 4: "4"}


def has_matplotlib() -> bool:
    """Return whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def check_matplotlib() -> None:
    """Raise `InputError` unless matplotlib is installed."""
    if not has_matplotlib():
        raise InputError("plots need matplotlib: pip install matplotlib")


def draw_expert_usage(layers: Sequence[LayerUsage], title: str, path: str | Path) -> None:
    """Write the heat map of measured layers as a PNG file.

    Args:
        layers: The usage of each layer; the numbers of experts may differ.
        title: The title, which may have several lines.
        path: The file.
    """
    figure = expert_load_figure({layer.name: layer.load for layer in layers}, title)
    figure.savefig(path, format="png", dpi=150)


def expert_load_figure(loads: Mapping[str, Tensor], title: str) -> "Figure":
    """Return a picture of the share of each expert times E, and the imbalance of each layer.

    The imbalance is the coefficient of variation of the load. Colours are logarithmic, so that
    twice and half the balanced share are equally far from white. A cross marks a dead expert.

    Args:
        loads: The (E,) load of each layer by its path in the model; E may differ between layers.
        title: The title, which may have several lines.
    """
    from matplotlib.figure import Figure

    num_columns = max(load.numel() for load in loads.values())
    size = (5.5 + 0.32 * num_columns, max(3.2, 1.9 + 0.24 * len(loads)))  # inches
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=10)
    heat, bars = figure.subplots(
        1, 2, sharey=True, width_ratios=(max(num_columns, 6), max(num_columns / 4, 4))
    )
    image = _draw_heat(heat, list(loads.values()), num_columns)
    heat.set_yticks(range(len(loads)), [layer_label(name) for name in loads], fontsize=8)

    bars.barh(range(len(loads)), [load_cv(load) for load in loads.values()], color="0.6")
    bars.set_xlabel("coefficient of variation")
    bars.tick_params(left=False, labelleft=False)
    bars.spines[["top", "right"]].set_visible(False)

    scale = figure.colorbar(image, ax=(heat, bars), extend="both", ticks=list(TICKS), aspect=30)
    scale.ax.set_yticklabels(TICKS.values())
    scale.ax.minorticks_off()
    scale.set_label("share of the load x E (1 = balanced)")

    parts = [name.partition(".")[0] for name in loads]
    for row in range(1, len(parts)):
        if parts[row] != parts[row - 1]:  # encoder | decoder | reverse decoder
            heat.axhline(row - 0.5, color="black", linewidth=0.8)
    return figure


def layer_label(name: str) -> str:
    """Return `encoder 3 macaron feed forward` for `encoder.blocks.3.macaron_feed_forward`."""
    return name.replace(".blocks.", " ").replace(".", " ").replace("_", " ")


def _draw_heat(axes: "Axes", loads: Sequence[Tensor], num_columns: int) -> "AxesImage":
    """Draw layers x experts and return the image, which a colour bar explains."""
    from matplotlib.colors import LogNorm

    axes.set_facecolor("0.85")  # visible where a layer has fewer experts
    grid = np.full((len(loads), num_columns), np.nan)
    for row, load in enumerate(loads):
        grid[row, : load.numel()] = load.cpu() * load.numel() / load.sum().clamp(min=1).cpu()
    image = axes.imshow(
        np.maximum(grid, 1e-6),  # 0 has no logarithm; all values below the scale look alike
        cmap="RdBu_r",
        norm=LogNorm(min(TICKS), max(TICKS)),
        aspect="auto",
        interpolation="nearest",
    )
    dead = [(expert, row) for row, load in enumerate(loads) for expert in dead_experts(load)]
    if dead:
        axes.scatter(*zip(*dead), marker="x", s=18, linewidths=1, color="white")
    axes.set_xlabel("expert (x: dead)" if dead else "expert")
    axes.set_xticks(range(0, num_columns, 1 + num_columns // 17))
    return image
