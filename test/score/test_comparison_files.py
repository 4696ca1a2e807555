"""Comparisons of finished experiments on disk."""

import json
from pathlib import Path

import pytest
from scored_experiments import make_three_experiments

from moeasr.errors import InputError
from moeasr.score.comparison_files import TableChoice, write_comparison

CHOICE = TableChoice("dense", "test", "attention_rescoring", -1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_three_experiments(tmp_path)


def test_a_page_and_a_json_file_are_written(root: Path) -> None:
    page = write_comparison(root, [], CHOICE)
    assert page == (root / "COMPARISON.md").read_text()
    rows = [line.split(" | ")[:3] for line in page.splitlines() if line.startswith("| ")]
    assert rows[2:] == [["| dense", "2", "21.25 ± 1.77"], ["| a_moe", "1", "10.00"]]
    assert "- a_moe_seed1 (commit abc, cpu): `train a_moe 1`" in page
    content = json.loads((root / "comparison.json").read_text())
    assert (content["baseline"], content["set"], content["chunk_size"]) == ("dense", "test", -1)
    dense, moe = content["systems"]
    assert dense["difference"] is None and dense["seeds"] == [1, 2]
    assert moe["difference"]["points"] == pytest.approx(-11.25)
    names = ["dense_seed1", "dense_seed2", "a_moe_seed1"]
    assert [entry["name"] for entry in content["experiments"]] == names
    assert content["experiments"][0]["command"] == "decode"
    assert content["experiments"][0]["remake_command"] == "train dense 1"


def test_experiments_are_compared_in_the_given_order(root: Path) -> None:
    chosen = [root / name for name in ("a_moe_seed1", "dense_seed2")]
    write_comparison(root, chosen, CHOICE._replace(baseline="a_moe"))
    content = json.loads((root / "comparison.json").read_text())
    assert [system["system"] for system in content["systems"]] == ["a_moe", "dense"]
    assert content["systems"][1]["seeds"] == [2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseline": "giant"}, "the baseline 'giant' is not one of the scored systems"),
        ({"mode": "attention"}, "has no results of set test, mode attention, chunk size -1"),
        ({"chunk_size": 16}, "has no results of set test, mode attention_rescoring, chunk size 16"),
        ({"test_set": "dev"}, "has no results of set dev"),
    ],
)
def test_invalid_input_leaves_no_files(root: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_comparison(root, [], CHOICE._replace(**change))
    assert not list(root.glob("*.md")) and not list(root.glob("*.json"))
