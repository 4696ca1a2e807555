"""The comparison of several experiments in a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moeasr.errors import InputError
from moeasr.report.html.experiment_report import ExperimentReport
from moeasr.score.details import read_per_utt
from moeasr.score.significance import PairedBootstrap, paired_bootstrap, paired_errors


@dataclass(frozen=True, kw_only=True)
class ComparedExperiment:
    """One experiment beside the first one of the report."""

    name: str
    record: Mapping[str, Any] | None
    """The scored mode that is compared; None if no test set is decoded."""
    difference: PairedBootstrap | None
    """Difference of the word error rates to the first experiment."""
    note: str | None
    """The reason why there is no difference, as a sentence."""
    has_same_dev: bool
    """True if its word error rates on dev are those of the dev set of the first experiment, as far
    as the experiments recorded their dev sets."""
    data_dir: Path | None
    """The data directory whose frames `explained` describes."""
    explained: dict[str, float]
    """Label -> share of the entropy of the routes that it explains, mean over layers."""


def compare_reports(reports: Sequence[ExperimentReport]) -> list[ComparedExperiment]:
    """Compare the decodings and the experts of several experiments.

    The decoding mode is the best one of the first experiment. Experiments without this mode are
    shown in their own best mode. There is a difference only between decodings of the same
    utterances with the same references.
    """
    first = reports[0].decodings.best
    chosen = [_same_mode(report, first) for report in reports]
    found = []
    for number, (report, record) in enumerate(zip(reports, chosen)):
        difference, note = None, None
        if number and first is not None and record is not None:
            try:
                difference = _difference(reports[0].name, first, report.name, record)
            except InputError as error:
                note = f"{report.name} cannot be compared with {reports[0].name}: {error}."
        found.append(
            ComparedExperiment(
                name=report.name,
                record=record,
                difference=difference,
                note=note,
                has_same_dev=_have_same_dev(reports[0], report),
                data_dir=report.decodings.data_dir,
                explained=_explained(report),
            )
        )
    return found


def _same_mode(
    report: ExperimentReport, first: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    keys = ("set", "mode", "chunk_size")
    for record in report.decodings.records if first is not None else ():
        if first is not None and all(record[key] == first[key] for key in keys):
            return record
    return report.decodings.best


def _difference(
    name_a: str, record_a: Mapping[str, Any], name_b: str, record_b: Mapping[str, Any]
) -> PairedBootstrap:
    """Return the difference of two decodings of one test set.

    Raises:
        InputError: The decodings have different utterances or references.
    """
    a, b = (
        read_per_utt(Path(name, record["dir"], "score", "per_utt"))
        for name, record in ((name_a, record_a), (name_b, record_b))
    )
    return paired_bootstrap(*paired_errors(a, b))


def _have_same_dev(a: ExperimentReport, b: ExperimentReport) -> bool:
    sets = {report.training.dev_set for report in (a, b)} - {None}
    return len(sets) < 2


def _explained(report: ExperimentReport) -> dict[str, float]:
    if report.experts is None:
        return {}
    return {
        label.name: sum(layer.share for layer in label.layers) / len(label.layers)
        for label in report.experts.labels
        if label.layers
    }
