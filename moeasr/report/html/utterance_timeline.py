"""The figure of one utterance over time: spectrogram, words, units, and experts by layer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from moeasr.report.html.figures import short_label
from moeasr.report.html.utterance_views import Span, UtteranceView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

INCHES_PER_SEC = 1.8
LEFT, RIGHT, TOP, BOTTOM = 1.75, 0.15, 0.08, 0.48
"""Margins in inches."""
SPECTROGRAM, ROW, GAP = 1.15, 0.21, 0.05
"""Heights of the spectrogram, of a row, and of the gaps between them, in inches."""


class Timeline(NamedTuple):
    """A figure with a time axis, and the position of that axis."""

    figure: "Figure"
    start: float
    """Position of the start of the utterance, as a share of the width."""
    end: float
    """Position of the end of the utterance."""
    width: float
    """Width in inches."""


def draw_timeline(
    view: UtteranceView, layers: Sequence[str], num_experts: Sequence[int]
) -> Timeline:
    """Draw an utterance. A model without experts has no rows of layers.

    Args:
        view: The utterance.
        layers: Paths of the layers.
        num_experts: Number of experts of each layer.
    """
    from matplotlib.figure import Figure

    heights = [SPECTROGRAM, ROW, ROW]
    if layers:
        heights.append(ROW * len(layers))
    width = LEFT + RIGHT + INCHES_PER_SEC * view.duration_sec
    height = TOP + BOTTOM + sum(heights) + GAP * (len(heights) - 1)
    figure = Figure(figsize=(width, height))
    panels, top = [], height - TOP
    for part in heights:
        box = (LEFT / width, (top - part) / height, 1 - (LEFT + RIGHT) / width, part / height)
        panels.append(figure.add_axes(box))
        top -= part + GAP
    for axes in panels:
        axes.set_xlim(0, view.duration_sec)
        axes.set_yticks([])
        axes.tick_params(labelbottom=False, bottom=False, left=False, labelsize=8)
    _draw_spectrogram(panels[0], view)
    _draw_texts(panels[1], view.words, "words", size=8)
    _draw_texts(panels[2], view.units, "units", size=6.5)
    if layers:
        colours = _colours(max(num_experts))
        _draw_experts(panels[3], view, layers, colours)
        _add_legend(figure, colours, LEFT / width)
        figure.text((LEFT - GAP) / width, 0.0, "expert", ha="right", va="bottom", fontsize=8)
    panels[-1].tick_params(labelbottom=True, bottom=True)
    figure.text(1 - RIGHT / width, 0.0, "seconds", ha="right", va="bottom", fontsize=8)
    return Timeline(figure, LEFT / width, 1 - RIGHT / width, width)


def _draw_spectrogram(axes: "Axes", view: UtteranceView) -> None:
    feats = view.feats.T
    axes.imshow(
        feats,
        origin="lower",
        aspect="auto",
        interpolation="none",
        cmap="magma",
        extent=(0, view.duration_sec, 0, len(feats)),
        vmin=float(np.quantile(feats, 0.02)),
    )
    axes.set_ylabel("mel bins", rotation=0, ha="right", va="center", fontsize=8)


def _draw_texts(axes: "Axes", spans: Sequence[Span], label: str, size: float) -> None:
    for text, start, end in spans:
        axes.axvspan(start, end, color="tab:blue", alpha=0.18, linewidth=0)
        axes.text(
            (start + end) / 2,
            *(0.45, text),
            ha="center",
            va="center",
            fontsize=size,
            parse_math=False,
            clip_on=True,
        )
    axes.set_ylim(0, 1)
    axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
    axes.spines[:].set_visible(False)


def _draw_experts(
    axes: "Axes", view: UtteranceView, layers: Sequence[str], colours: "Colormap"
) -> None:
    grid = np.array(view.experts)
    axes.imshow(
        grid,
        aspect="auto",
        interpolation="none",
        cmap=colours,
        extent=(0, grid.shape[1] * view.frame_sec, len(grid) - 0.5, -0.5),
        vmin=-0.5,
        vmax=colours.N - 0.5,
    )
    axes.set_xlim(0, view.duration_sec)
    axes.set_yticks(range(len(layers)), map(short_label, layers))
    axes.hlines(np.arange(1, len(layers)) - 0.5, 0, view.duration_sec, color="white", linewidth=0.6)


def _colours(num_experts: int) -> "Colormap":
    """Return a colour for each expert."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    for name in ("tab10", "tab20"):
        if num_experts <= colormaps[name].N:
            return ListedColormap(colormaps[name].colors[:num_experts])
    return colormaps["turbo"].resampled(num_experts)


def _add_legend(figure: "Figure", colours: "Colormap", left: float) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=colours(number), label=str(number)) for number in range(colours.N)]
    figure.legend(
        handles=patches,
        loc="lower left",
        bbox_to_anchor=(left, 0.0),
        ncols=min(len(patches), 16),
        frameon=False,
        fontsize=7,
        handlelength=1.0,
        handletextpad=0.3,
        columnspacing=0.8,
        borderaxespad=0.1,
        borderpad=0.1,
    )
