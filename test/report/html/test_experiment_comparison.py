"""The comparison of several experiments in a report."""

import dataclasses
from pathlib import Path

import pytest
from reported import make_reported
from scored_modes import make_mode

from moeasr.report.html.experiment_comparison import compare_reports
from moeasr.report.html.experiment_report import ReportSettings, report_experiment
from moeasr.score.details import read_per_utt
from moeasr.score.significance import paired_bootstrap, paired_errors


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return the reports of an experiment, and of one with a better text and a second mode."""
    root = tmp_path_factory.mktemp("reported")
    one = make_reported(root / "one")
    two = one.copy(root / "two")
    mode_dir = two.exp_dir / "decode_set_raw" / "ctc_greedy_search"
    text = (mode_dir / "score" / "per_utt").read_text().splitlines()
    lines = ["a1 #csid 2 0 0 0" if line.startswith("a1 #csid") else line for line in text]
    (mode_dir / "score" / "per_utt").write_text("\n".join(lines) + "\n")
    make_mode(two.exp_dir, "decode_set_raw/attention", wer=0.0, mode="attention", set="set_raw")
    settings = ReportSettings(data_dir=str(one.data_dir), num_permutations=2)
    first = report_experiment(one.exp_dir, settings)
    second = dataclasses.replace(first, name=str(two.exp_dir))
    return first, second


def test_differences_are_those_to_the_first_experiment(reports):
    first, second = compare_reports(reports)
    assert first.difference is None and first.note is None
    a, b = (
        read_per_utt(f"{report.name}/decode_set_raw/ctc_greedy_search/score/per_utt")
        for report in reports
    )
    assert second.difference == paired_bootstrap(*paired_errors(a, b))
    assert second.difference.difference < 0
    label = reports[0].experts.labels[0]
    mean = sum(layer.share for layer in label.layers) / 2
    assert first.explained[label.name] == mean


def test_the_mode_is_that_of_the_first_experiment(reports):
    first, second = reports
    records = [{**second.decodings.best, "mode": "attention", "wer": 0.0}]
    other = dataclasses.replace(
        second.decodings, records=[*records, *second.decodings.records], best=records[0]
    )
    found = compare_reports([first, dataclasses.replace(second, decodings=other)])
    assert [item.record["mode"] for item in found] == ["ctc_greedy_search"] * 2
    other = dataclasses.replace(other, records=records)
    found = compare_reports([first, dataclasses.replace(second, decodings=other)])
    assert [item.record["mode"] for item in found] == ["ctc_greedy_search", "attention"]


def test_experiments_are_compared_with_the_first_one_that_has_their_test_set(reports):
    first, second = reports
    record = {**second.decodings.best, "set": "other", "dir": "decode_other/a"}
    decodings = dataclasses.replace(second.decodings, records=[record], best=record)
    make_mode(Path(second.name), record["dir"], set="other")
    per_utt = Path(second.name, record["dir"], "score", "per_utt")
    per_utt.write_text("z1 #csid 1 0 0 0\n")
    other = dataclasses.replace(second, decodings=decodings)
    found = compare_reports([first, other, second, other])
    assert found[1].record == record and found[1].difference is None
    assert found[1].note.endswith(": only one of the two systems has utterance 'a1'.")
    assert [item.reference for item in found] == [None, None, first.name, second.name]
    assert found[2].difference == compare_reports([first, second])[1].difference is not None
    assert found[3].difference.difference == 0.0 and found[3].note is None


def test_experiments_that_cannot_be_compared_get_a_sentence(reports):
    first, second = reports
    other = dataclasses.replace(second.decodings, records=[], best=None)
    found = compare_reports([first, dataclasses.replace(second, decodings=other, experts=None)])
    assert found[1].record is None and found[1].difference is None and found[1].explained == {}
    path = f"{second.name}/decode_set_raw/ctc_greedy_search/score/per_utt"
    with open(path, "a") as handle:
        handle.write("z9 #csid 1 0 0 0\n")
    (_, wrong) = compare_reports(reports)
    assert wrong.difference is None
    assert wrong.note.endswith(": only one of the two systems has utterance 'z9'.")
