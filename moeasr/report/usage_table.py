"""Expert usage as a table for the terminal, as a Markdown page, and as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moeasr.atomic import atomic_path
from moeasr.moe.stats import LayerUsage, dead_experts, load_cv, load_entropy, load_max_share
from moeasr.report.heat_map import draw_expert_usage
from moeasr.strict_json import write_json

COLUMNS = ("layer", "frames", "E", "K", "CV", "max x E", "dead", "entropy", "load %")

LEGEND = """\
- frames: number of valid encoder frames that the layer routed, or tokens in the decoders
- E, K: number of experts of the layer, and of experts per frame
- CV: standard deviation of the load over its mean, from 0 (balanced) to sqrt(E / K - 1)
- max x E: largest share of an expert times E, from 1 (balanced) to E / K
- dead: number of experts with less than 1 / (4 E) of the load
- entropy: entropy of the load over log E, from log K / log E to 1 (balanced)
- load %: share of each expert in the assignments of the layer
The other end of each range means that all frames use the same K experts. Experts that were merged
can go beyond it, because several of the K may be the same one."""


def write_usage(
    layers: Sequence[LayerUsage], facts: dict[str, Any], out_dir: str | Path, plot: bool
) -> None:
    """Write expert_usage.json, expert_usage.md and, if `plot` is set, expert_usage.png.

    Args:
        layers: The usage of each layer.
        facts: The origin of the numbers: `checkpoint`, `set`, and any other facts.
        out_dir: The directory, which is created if absent.
        plot: True to draw the heat map, which needs matplotlib.
    """
    out_dir = Path(out_dir)
    record = {**facts, **summarize(layers), "layers": [usage_record(layer) for layer in layers]}
    write_json(out_dir / "expert_usage.json", record)
    picture = "expert_usage.png" if plot else None
    if picture is not None:
        model_name = "/".join(Path(facts["checkpoint"]).parts[-2:])
        title = f"{model_name} on {facts['set']}\n{summary_line(layers)}"
        with atomic_path(out_dir / picture) as temporary:
            draw_expert_usage(layers, title, temporary)
    with atomic_path(out_dir / "expert_usage.md") as temporary:
        temporary.write_text(usage_page(layers, facts, picture), encoding="utf-8")


def summarize(layers: Sequence[LayerUsage]) -> dict[str, Any]:
    """Return the mean CV over layers, and the number of dead experts in all layers."""
    return {
        "mean_cv": sum(load_cv(layer.load) for layer in layers) / len(layers),
        "num_dead_experts": sum(len(dead_experts(layer.load)) for layer in layers),
        "num_experts": sum(layer.num_experts for layer in layers),
        "num_layers": len(layers),
    }


def usage_record(layer: LayerUsage) -> dict[str, Any]:
    """Return all statistics of a layer as plain values."""
    return {
        "name": layer.name,
        "num_frames": layer.num_frames,
        "num_experts": layer.num_experts,
        "experts_per_frame": layer.experts_per_frame,
        "load": layer.load.tolist(),
        "cv": load_cv(layer.load),
        "max_share_times_num_experts": load_max_share(layer.load),
        "dead_experts": dead_experts(layer.load),
        "entropy": load_entropy(layer.load),
    }


def usage_lines(layers: Sequence[LayerUsage]) -> list[str]:
    """Return a table for the terminal: a header, a line for each layer, and a summary."""
    rows = [COLUMNS, *map(_row, layers)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for name, *numbers, load in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:])]
        lines.append("  ".join([name.ljust(widths[0]), *cells, load]))
    return [*lines, summary_line(layers)]


def usage_page(layers: Sequence[LayerUsage], facts: dict[str, Any], picture: str | None) -> str:
    """Return the table as a Markdown page, with a legend and the origin of the numbers.

    Args:
        layers: The usage of each layer.
        facts: The origin of the numbers: checkpoint, data, command, ...
        picture: File name of the heat map in the directory of the page, or None.
    """
    rows = [COLUMNS, ["---", *["---:"] * (len(COLUMNS) - 2), "---"], *map(_row, layers)]
    blocks = ["# Expert usage", summary_line(layers)]
    blocks.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    if picture is not None:
        blocks.append(f"![share of each expert times E, by layer]({picture})")
    blocks += [LEGEND, "## How these numbers were made"]
    blocks.append("\n".join(f"- {key}: {value}" for key, value in facts.items()))
    return "\n\n".join(blocks) + "\n"


def summary_line(layers: Sequence[LayerUsage]) -> str:
    """Return a summary of all layers in one line."""
    total = summarize(layers)
    return (
        f"all layers ({total['num_layers']}): mean CV {total['mean_cv']:.3f}, "
        f"{total['num_dead_experts']} of {total['num_experts']} experts dead"
    )


def _row(layer: LayerUsage) -> list[str]:
    """Return the cells of a layer in the order of `COLUMNS`."""
    load = layer.load
    percents = [100 * share / layer.num_experts for share in layer.relative_load]
    return [
        layer.name,
        str(layer.num_frames),
        str(layer.num_experts),
        str(layer.experts_per_frame),
        f"{load_cv(load):.3f}",
        f"{load_max_share(load):.2f}",
        str(len(dead_experts(load))),
        f"{load_entropy(load):.3f}",
        # Two digits are enough. With many experts, one of them is the decimal.
        " ".join(f"{p:.0f}" if p >= 9.95 else f"{p:.1f}" for p in percents),
    ]
