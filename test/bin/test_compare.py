"""The compare command on a folder of small experiments."""

import json
from pathlib import Path

import pytest

from moeasr.bin import compare
from moeasr.errors import InputError


def make_experiment(root: Path, system: str, seed: int, errors: list[int]) -> Path:
    """Ten words in each utterance, so many of them substituted."""
    exp_dir = root / f"{system}_seed{seed}"
    score = exp_dir / "decode_test" / "attention_rescoring" / "score"
    score.mkdir(parents=True)
    lines = [f"u{n} #csid {10 - wrong} {wrong} 0 0\n" for n, wrong in enumerate(errors)]
    (score / "per_utt").write_text("".join(lines))
    record = {
        "set": "test",
        "mode": "attention_rescoring",
        "chunk_size": -1,
        "beam_size": 10,
        "wer": round(10.0 * sum(errors) / len(errors), 4),
        "cer": 2.0,
        "rtf": 0.1,
        "audio_sec": 9.0,
        "num_utts": len(errors),
        "num_words": 10 * len(errors),
        "total_params": 2_000_000,
        "active_params": 1_000_000,
        "commit": "abc",
        "config": system,
        "seed": seed,
        "device": "cpu",
        "train_command": f"train {system} {seed}",
        "command": "decode",
    }
    (exp_dir / "results.json").write_text(json.dumps([record]))
    return exp_dir


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_experiment(tmp_path, "dense", 1, [2, 2, 2, 2])
    make_experiment(tmp_path, "dense", 2, [2, 2, 2, 3])
    make_experiment(tmp_path, "a_moe", 1, [1, 1, 1, 1])
    return tmp_path


def test_page_and_json(root: Path, capsys: pytest.CaptureFixture) -> None:
    compare.main(["--exp-root", str(root)])
    page = (root / "COMPARISON.md").read_text()
    assert page.strip() == capsys.readouterr().out.strip()
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


def test_chosen_experiments_keep_their_order(root: Path) -> None:
    chosen = [str(root / name) for name in ("a_moe_seed1", "dense_seed2")]
    compare.main(["--exp-dirs", *chosen, "--baseline", "a_moe"])
    content = json.loads((root / "comparison.json").read_text())
    assert [system["system"] for system in content["systems"]] == ["a_moe", "dense"]
    assert content["systems"][1]["seeds"] == [2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--baseline", "giant"], "no experiment of the baseline 'giant'"),
        (["--mode", "attention"], "has no results of set test, attention, chunk -1"),
        (["--chunk-size", "16"], "has no results of set test, attention_rescoring, chunk 16"),
        (["--set", "dev"], "has no results of set dev"),
    ],
)
def test_bad_input_writes_nothing(root: Path, options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare.main(["--exp-root", str(root), *options])
    assert not list(root.glob("*.md")) and not list(root.glob("*.json"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["conf/compare.list"], "a list of systems does not go with --exp-root and --exp-dirs"),
        (["--run-opts", "--nj 2"], "--run-opts goes with a list of systems only"),
        (["--stop-stage", "4"], "--stop-stage goes with a list of systems only"),
    ],
)
def test_what_belongs_to_a_list_does_not_go_with_finished_experiments(
    root: Path, options: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        compare.main(["--exp-root", str(root), *options])


def test_something_to_compare_is_needed() -> None:
    with pytest.raises(InputError, match="--exp-root or --exp-dirs"):
        compare.main([])
