"""The table of a comparison, and its list of failures."""

import json
import os
import re
from pathlib import Path

import pytest
from noting_recipe import CHOICE, OPTIONS, TEACHER

from moeasr.compare.outcome import conclude, measure_costs
from moeasr.compare.series import plan_series, run_series


def compare(choice=CHOICE, **options: str) -> list[str]:
    """Plan, run and conclude; return what went wrong."""
    series = plan_series(OPTIONS._replace(**options), choice)
    return conclude(series, run_series(series), choice)


@pytest.fixture
def profiled(monkeypatch) -> list[str]:
    """Record the models that are profiled, and let each profile fail; return the record."""
    models: list[str] = []

    def refuse(command, **_):
        models.append(command[command.index("--checkpoint") + 1])
        assert command[command.index("--out") + 1] == models[-1].replace("averaged.pt", "cost.json")
        return type("Done", (), {"returncode": 1})

    monkeypatch.setattr("subprocess.run", refuse)
    return models


def test_the_table_is_printed_and_written(recipe, capsys):
    assert compare() == []
    page = Path("exp/compare/COMPARISON.md").read_text()
    assert page.strip() in capsys.readouterr().out
    rows = re.findall(r"^\| (\w+) \| (\d) \|", page, flags=re.M)
    assert rows == [("dense", "2"), ("student", "1"), ("moe", "2")]
    line = "- dense_seed1 (commit abc, cpu): `./run.sh --stage 3 --stop-stage 5 --train-config "
    assert line + "conf/dense.yaml --seed 1 --exp-dir exp/compare/dense_seed1 --train-opts" in page


def test_failures_come_in_the_order_of_the_list_and_are_not_in_the_table(recipe):
    (recipe / "fail").write_text("moe_seed2 dense_seed2")
    assert compare() == [
        "dense_seed2 failed, log is in exp/compare/dense_seed2/log/run.log",
        "moe_seed2 failed, log is in exp/compare/moe_seed2/log/run.log",
    ]
    page = Path("exp/compare/COMPARISON.md").read_text()
    assert "| dense | 1 |" in page and "| moe | 1 |" in page
    assert "student_seed1" in page and "moe_seed2" not in page


def test_old_results_of_an_experiment_that_fails_now_are_not_shown(recipe):
    assert compare(only="dense") == []
    os.utime("conf/dense.yaml")
    (recipe / "fail").write_text(TEACHER)
    assert len(compare(only="dense")) == 1
    assert "| dense | 1 |" in Path("exp/compare/COMPARISON.md").read_text()


def test_no_table_without_results_of_the_baseline_or_before_stage_5(recipe, capsys):
    assert compare(only="moe", exp_dir="exp/x") == []
    assert "== no comparison: the baseline dense has no results yet" in capsys.readouterr().out
    assert compare(only="dense", stop_stage="4") == []
    assert (
        "== no comparison: it needs the results of stage 5 (--stop-stage 5)"
        in capsys.readouterr().out
    )
    assert not list(Path("exp").glob("*/COMPARISON.md"))


def test_the_table_holds_what_earlier_calls_have_scored(recipe):
    compare(only="moe")
    assert compare(CHOICE._replace(baseline="moe"), only="dense") == []
    content = json.loads(Path("exp/compare/comparison.json").read_text())
    assert content["baseline"] == "moe"
    assert [system["system"] for system in content["systems"]] == ["dense", "moe"]


def test_a_table_that_cannot_be_made_is_told_before_the_failures(recipe):
    (recipe / "fail").write_text("moe_seed2")
    table, failure = compare(CHOICE._replace(test_set="dev"), only="dense moe")
    assert "dense_seed1/results.json has no results of set dev, mode attention_rescoring" in table
    assert failure.startswith("moe_seed2 failed")


def test_costs_are_measured_of_models_that_are_newer(recipe, profiled):
    series = plan_series(OPTIONS._replace(only="dense"), CHOICE)
    first, second = series.chosen
    assert measure_costs([first]) == {} and profiled == []  # there is no model
    run_series(series)
    assert measure_costs([first, second]) == {} and profiled == []  # cost.json is newer
    (first.directory / "cost.json").unlink()
    os.utime(second.directory / "averaged.pt", (2e9 + 1, 2e9 + 1))
    models = [str(run.directory / "averaged.pt") for run in (first, second)]
    text = "has no GMAC/s in the table, because moeasr profile failed"
    assert measure_costs([first, second]) == {first.name: text, second.name: text}
    assert profiled == models
