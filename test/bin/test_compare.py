"""The `compare` command on small experiments (for lists of systems, see test/utils)."""

import json
from pathlib import Path

import pytest
from scored_experiments import make_three_experiments

from moeasr.bin import compare
from moeasr.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_three_experiments(tmp_path)


def test_the_comparison_of_all_experiments_is_printed(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    compare.main(["--exp-root", str(root)])
    page = (root / "COMPARISON.md").read_text()
    assert page.strip() == capsys.readouterr().out.strip()
    assert "| dense | 2 |" in page and "| a_moe | 1 |" in page


def test_experiments_and_baseline_can_be_chosen(root: Path) -> None:
    chosen = [str(root / name) for name in ("a_moe_seed1", "dense_seed2")]
    compare.main(["--exp-dirs", *chosen, "--baseline", "a_moe"])
    content = json.loads((root / "comparison.json").read_text())
    assert [system["system"] for system in content["systems"]] == ["a_moe", "dense"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--baseline", "giant"], "the baseline 'giant' is not one of the scored systems"),
        (["--mode", "attention"], "has no results of set test, mode attention, chunk size -1"),
        (
            ["--chunk-size", "16"],
            "has no results of set test, mode attention_rescoring, chunk size 16",
        ),
        (["--set", "dev"], "has no results of set dev"),
        (["conf/compare.list"], "give either a list of systems or --exp-root or --exp-dirs"),
        (["--seeds", "1", "conf/compare.list"], "give either a list of systems or --exp-root"),
        (["--run-opts", "--nj 2"], "--run-opts requires a list of systems"),
        (["--stop-stage", "4"], "--stop-stage requires a list of systems"),
    ],
)
def test_invalid_options_are_refused(root: Path, options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare.main(["--exp-root", str(root), *options])


@pytest.mark.parametrize("arguments", [[], ["a.list", "b.list"]])
def test_experiments_or_one_list_of_systems_are_required(arguments: list[str]) -> None:
    message = f"expected one argument, .*, but got {len(arguments)}; to compare"
    with pytest.raises(InputError, match=message):
        compare.main(arguments)
