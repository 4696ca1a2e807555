"""The figures of a report, apart from those of single utterances."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from moeasr.report.heat_map import TICKS, layer_label
from moeasr.report.html.expert_facts import ExpertFacts, LabelFacts
from moeasr.report.html.training_facts import TrainingFacts, grid_of
from moeasr.report.learning_curves import new_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

MAX_CLASSES = 40
"""Largest number of classes of a label that a figure shows, the most frequent ones."""
CHARACTER = 0.075
"""Width of a character in inches, about."""
_DARK, _LIGHT = "#101010", "#fefefe"
"""Colours of numbers in coloured cells, which are the same in light and dark pages."""


def short_label(path: str) -> str:
    """Return `1 macaron feed forward` for `encoder.blocks.1.macaron_feed_forward`."""
    return layer_label(path).removeprefix("encoder ")


def load_figure(training: TrainingFacts, layers: Sequence[str]) -> "Figure":
    """Return the share of each expert times E over the epochs, with a panel for each layer.

    Args:
        training: The course of a training with expert loads.
        layers: Names of the layers in the order of the model; further layers are numbered.
    """
    num_layers = max(map(len, training.load))
    columns = min(num_layers, 4)
    rows = -(-num_layers // columns)
    figure = _new_figure(2.3 * columns + 0.9, 1.45 * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    image = None
    for layer, axes in enumerate(panels.flat):
        if layer >= num_layers:
            axes.set_visible(False)
            continue
        image = _draw_ratios(axes, grid_of(training.load, layer))
        name = short_label(layers[layer]) if layer < len(layers) else f"layer {layer}"
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=7, labelbottom=layer + columns >= num_layers)
        epochs = range(0, len(training.load), 1 + len(training.load) // 7)
        axes.set_xticks(epochs, [str(epoch + 1) for epoch in epochs])
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("expert", fontsize=9)
    _add_scale(figure, image, panels.ravel().tolist(), "share of the load x E")
    return figure


def dependence_figure(experts: ExpertFacts) -> "Figure":
    """Return the share of the entropy of the routes that each label explains, by layer.

    A star marks a p-value at the smallest value that the permutations allow.
    """
    labels = [label for label in experts.labels if label.layers]
    shares = np.array([[layer.share for layer in label.layers] for label in labels]).T
    stars = np.array([[layer.p_value for layer in label.layers] for label in labels]).T
    smallest = 1.0 / (experts.num_permutations + 1)
    figure = _new_figure(2.6 + 1.0 * len(labels), 1.1 + 0.3 * len(experts.layers))
    axes = figure.subplots()
    top = max(float(shares.max()), 0.01)
    axes.imshow(100 * shares, cmap="viridis", aspect="auto", interpolation="none", vmin=0)
    for (row, column), share in np.ndenumerate(shares):
        star = " *" if stars[row, column] <= smallest * 1.001 else ""
        colour = _DARK if share > 0.6 * top else _LIGHT
        text = f"{100 * share:.1f}{star}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(labels)), [label.name for label in labels], fontsize=9)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(experts.layers)), map(short_label, experts.layers), fontsize=8)
    axes.tick_params(length=0)
    return figure


def class_figure(label: LabelFacts, experts: ExpertFacts) -> "Figure":
    """Return how much more often frames of a class go to each expert than all labelled frames do.

    The layer is the one whose routes depend most on the label.
    """
    assert label.strongest is not None
    counts = label.layers[label.strongest].counts  # (E, C)
    frequent = np.sort(np.argsort(-counts.sum(axis=0), kind="stable")[:MAX_CLASSES])
    ratios = preference(counts)[:, frequent]
    order = np.arange(len(frequent))
    if not label.is_ordered:  # classes of one expert side by side
        best = np.nan_to_num(ratios)
        order = np.lexsort((-best.max(axis=0), best.argmax(axis=0)))
    names = [label.classes[number] for number in frequent[order].tolist()]
    cell = max(0.27, 2.4 / len(names))  # inches
    longest = CHARACTER * max(map(len, names))
    is_upright = longest > cell
    height = 1.3 + 0.22 * len(ratios) + (longest if is_upright else 0.0)
    figure = _new_figure(1.8 + cell * len(names), height)
    axes = figure.subplots()
    image = _draw_ratios(axes, ratios[:, order])
    rotation = 90 if is_upright else 0
    axes.set_xticks(range(len(names)), names, fontsize=8, rotation=rotation, parse_math=False)
    axes.set_yticks(range(len(ratios)), map(str, range(len(ratios))), fontsize=8)
    axes.set_ylabel("expert", fontsize=9)
    axes.set_xlabel(label.name, fontsize=9)
    axes.set_title(short_label(experts.layers[label.strongest]), fontsize=9)
    _add_scale(figure, image, [axes], "ratio of shares")
    return figure


def preference(counts: np.ndarray) -> np.ndarray:
    """Return the share of a class that goes to an expert, over that of all labelled frames, (E, C).

    It is NaN for an expert without frames.

    Args:
        counts: Number of frames by expert and class, (E, C); each class has frames.
    """
    load = counts.sum(axis=1, keepdims=True) / counts.sum()
    shares = counts / counts.sum(axis=0, keepdims=True)
    return np.divide(shares, load, out=np.full(counts.shape, np.nan), where=load > 0)


def relations_figure(experts: ExpertFacts) -> "Figure":
    """Return the relation of the routes of each pair of layers."""
    size = 0.27 * len(experts.layers)
    figure = _new_figure(2.9 + size, 1.9 + size)
    axes = figure.subplots()
    image = axes.imshow(
        100 * experts.relations, cmap="viridis", interpolation="none", vmin=0, vmax=100
    )
    names = list(map(short_label, experts.layers))
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xticks(range(len(names)), names, fontsize=8, rotation=90)
    figure.colorbar(image, ax=axes, shrink=0.8).set_label("%", fontsize=8)
    return figure


def agreement_figure(experts: ExpertFacts) -> "Figure":
    """Return the share of frames with the same expert as in earlier checkpoints, by layer."""
    figure = _new_figure(3.2 + 1.0 * len(experts.checkpoints), 1.1 + 0.27 * len(experts.layers))
    axes = figure.subplots()
    shares = 100 * np.array(list(experts.checkpoints.values())).T
    axes.imshow(shares, cmap="viridis", aspect="auto", interpolation="none", vmin=0, vmax=100)
    for (row, column), share in np.ndenumerate(shares):
        colour = _DARK if share > 60 else _LIGHT
        axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(experts.checkpoints)), experts.checkpoints, fontsize=8)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(experts.layers)), map(short_label, experts.layers), fontsize=8)
    axes.tick_params(length=0)
    return figure


def wer_comparison_figure(curves: Mapping[str, Sequence[tuple[int, float]]]) -> "Figure":
    """Return the word error rates of several experiments on dev over the epochs.

    Args:
        curves: Name of each experiment -> epochs and word error rates in percent.
    """
    figure, axes = new_curves("word error rate on dev (CTC greedy search), %", "epoch")
    for name, points in curves.items():
        axes.plot(*zip(*points), label=name, marker="o", markersize=3)
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _new_figure(width: float, height: float) -> "Figure":
    """Return a figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _draw_ratios(axes: "Axes", ratios: np.ndarray) -> "AxesImage":
    """Draw multiples of a balanced share in the colours of `moeasr.report.heat_map`."""
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    return axes.imshow(
        np.maximum(ratios, 1e-6),  # 0 has no logarithm; all values below the scale look alike
        cmap=colormaps["RdBu_r"].with_extremes(bad="0.6"),
        norm=LogNorm(min(TICKS), max(TICKS)),
        aspect="auto",
        interpolation="none",
    )


def _add_scale(
    figure: "Figure", image: "AxesImage | None", axes: "Sequence[Axes]", label: str
) -> None:
    scale = figure.colorbar(image, ax=axes, extend="both", ticks=list(TICKS), aspect=25)
    scale.ax.set_yticklabels(TICKS.values(), fontsize=8)
    scale.ax.minorticks_off()
    scale.set_label(label, fontsize=8)
