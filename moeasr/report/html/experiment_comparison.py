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
    """One experiment of a report beside the others."""

    name: str
    record: Mapping[str, Any] | None
    """The scored mode that is compared; None if no test set is decoded."""
    reference: str | None
    """The name of the experiment with which it is compared: the first one with this test set. It is
    None for that experiment itself."""
    difference: PairedBootstrap | None
    """Difference of the word error rates to `reference`."""
    note: str | None
    """The reason why there is no difference, as a sentence."""
    data_dir: Path | None
    """The data directory whose frames `explained` describes."""
    explained: dict[str, float]
    """Label -> share of the entropy of the routes that it explains, mean over layers."""


def compare_reports(reports: Sequence[ExperimentReport]) -> list[ComparedExperiment]:
    """Compare the decodings and the experts of several experiments.

    An experiment is compared with the first one that decoded the same utterances with the same
    references, in the best mode of that one. Without this mode, its own best mode is compared.
    """
    found = []
    references: list[tuple[str, Mapping[str, Any]]] = []  # one experiment for each test set
    for report in reports:
        best = report.decodings.best
        record, reference, difference, note = best, None, None, None
        for name, own in references if best is not None else ():
            candidate = _same_mode(report, own) or best
            try:
                difference = _difference(name, own, report.name, candidate)
            except InputError as error:
                note = note or f"{report.name} cannot be compared with {name}: {error}."
            else:
                record, reference, note = candidate, name, None
                break
        if best is not None and reference is None:
            references.append((report.name, best))
        found.append(
            ComparedExperiment(
                name=report.name,
                record=record,
                reference=reference,
                difference=difference,
                note=note,
                data_dir=report.decodings.data_dir,
                explained=_explained(report),
            )
        )
    return found


def _same_mode(report: ExperimentReport, reference: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the decoding of an experiment in the mode of another one, on a set of its name."""
    keys = ("set", "mode", "chunk_size")
    for record in report.decodings.records:
        if all(record[key] == reference[key] for key in keys):
            return record
    return None


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


def _explained(report: ExperimentReport) -> dict[str, float]:
    if report.experts is None:
        return {}
    return {
        label.name: sum(layer.share for layer in label.layers) / len(label.layers)
        for label in report.experts.labels
        if label.layers
    }
