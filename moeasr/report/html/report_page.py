"""The report of experiments as one HTML page without links to other files."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moeasr.plurals import counted
from moeasr.report.html.experiment_comparison import ComparedExperiment
from moeasr.report.html.experiment_report import ExperimentReport
from moeasr.report.html.figures import (
    agreement_figure,
    class_figure,
    dependence_figure,
    load_figure,
    preference,
    relations_figure,
    short_label,
    wer_comparison_figure,
)
from moeasr.report.html.plain_values import plain
from moeasr.report.html.svg import svg_of
from moeasr.report.html.utterance_timeline import draw_timeline
from moeasr.report.learning_curves import loss_figure, wer_figure
from moeasr.score.alignment import count
from moeasr.strict_json import to_json

TEMPLATE = "report.html.j2"
PIXELS_PER_INCH = 96
CURVE_SCALE = 0.88
"""Scale of learning curves, two of which fit side by side."""
NUM_FAVOURITES = 5
"""Number of classes that are listed for an expert."""
MIN_FRAMES = 10
"""Smallest number of frames of a class that is listed."""


def render_page(
    reports: Sequence[ExperimentReport], compared: Sequence[ComparedExperiment], facts: dict
) -> str:
    """Return the page as HTML.

    Args:
        reports: The reports of at least one experiment.
        compared: The experiments side by side; empty for a single experiment.
        facts: The origin of the numbers: command, commit, ...
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    groups = _dev_curves(reports)
    shared = [curves for curves in groups if len(curves) > 1]
    return environment.get_template(TEMPLATE).render(
        experiments=[_experiment(number, report) for number, report in enumerate(reports)],
        compared=compared,
        num_dev_sets=len(groups),
        wer_curves=[
            _svg(wer_comparison_figure(curves), f"curves {number}")
            for number, curves in enumerate(shared)
        ],
        facts=facts,
        short_label=short_label,
        counted=counted,
    )


def report_json(
    reports: Sequence[ExperimentReport], compared: Sequence[ComparedExperiment], facts: dict
) -> str:
    """Return the numbers of the page as JSON."""
    content = {"facts": facts, "experiments": plain(reports), "comparison": plain(compared)}
    return to_json(content, indent=1, ensure_ascii=False) + "\n"


def _dev_curves(
    reports: Sequence[ExperimentReport],
) -> list[dict[str, list[tuple[int, float]]]]:
    """Return the curves of word error rates on dev by experiment, grouped by dev set."""
    groups: dict[Any, dict[str, list[tuple[int, float]]]] = {}
    for report in reports:
        if report.training.dev_wer:
            groups.setdefault(report.training.dev_set, {})[report.name] = report.training.dev_wer
    return list(groups.values())


def _experiment(number: int, report: ExperimentReport) -> dict[str, Any]:
    """Return the variables of the template for one experiment."""
    prefix = f"e{number}"
    return {
        "prefix": prefix,
        "report": report,
        "figures": _figures(prefix, report),
        "utterances": [
            _utterance(f"{prefix}u{place}", report, place) for place in range(len(report.views))
        ],
        "favourites": _favourites(report),
    }


def _figures(prefix: str, report: ExperimentReport) -> dict[str, Any]:
    """Return the figures of an experiment by name; those of labels are `label <name>`."""
    experts, training = report.experts, report.training
    exp_dir = Path(report.name)
    curves = {"loss": loss_figure(exp_dir), "wer": wer_figure(exp_dir)}
    figures = {}
    if any(training.load):
        figures["load"] = load_figure(training, report.moe_layers)
    if experts is not None:
        labels = [label for label in experts.labels if label.layers]
        if labels:
            figures["dependence"] = dependence_figure(experts)
        figures |= {f"label {label.name}": class_figure(label, experts) for label in labels}
        figures["relations"] = relations_figure(experts)
        if experts.checkpoints:
            figures["agreement"] = agreement_figure(experts)
    found = {name: _svg(figure, f"{prefix} {name}") for name, figure in figures.items()}
    for name, curve in curves.items():
        if curve is not None:
            found[name] = _svg(curve, f"{prefix} {name}", CURVE_SCALE)
    return found


def _svg(figure: Any, name: str, scale: float = 1.0) -> Mapping[str, Any]:
    """Return an SVG element with its width in pixels."""
    from markupsafe import Markup

    width = figure.get_figwidth() * PIXELS_PER_INCH * scale
    return {"svg": Markup(svg_of(figure, name)), "width": round(width)}


def _utterance(name: str, report: ExperimentReport, place: int) -> dict[str, Any]:
    view = report.views[place]
    layers = report.experts.layers if report.experts is not None else []
    sizes = report.experts.num_experts if report.experts is not None else []
    timeline = draw_timeline(view, layers, sizes)
    audio = None if view.audio is None else base64.b64encode(view.audio).decode("ascii")
    return {
        "view": view,
        "counts": count(view.steps) if view.steps else None,
        "figure": _svg(timeline.figure, name),
        "start": f"{timeline.start:.5f}",
        "end": f"{timeline.end:.5f}",
        "audio": audio,
    }


def _favourites(report: ExperimentReport) -> dict[str, list[list[dict[str, Any]]]]:
    """Return the classes that prefer each expert: label -> layer -> expert -> load and classes."""
    if report.experts is None:
        return {}
    return {
        label.name: [_of_layer(label.classes, layer.counts) for layer in label.layers]
        for label in report.experts.labels
        if label.layers
    }


def _of_layer(classes: Sequence[str], counts: np.ndarray) -> list[dict[str, Any]]:
    load = counts.sum(axis=1) / counts.sum()
    common = np.flatnonzero(counts.sum(axis=0) >= MIN_FRAMES).tolist()
    found = []
    for share, row in zip(load.tolist(), preference(counts)):
        liked = sorted((c for c in common if row[c] > 1), key=lambda c: (-row[c], c))
        listed = [(classes[c], float(row[c])) for c in liked[:NUM_FAVOURITES]]
        found.append({"load": share, "classes": listed})
    return found
