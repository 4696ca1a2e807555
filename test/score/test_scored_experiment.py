"""Experiments as they are read for a comparison, and the faults that are reported."""

import json
from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.score.alignment import Counts
from moeasr.score.scored_experiment import find_experiments, read_experiment

RECORD = {
    "set": "test",
    "mode": "greedy",
    "chunk_size": -1,
    "beam_size": 10,
    "wer": 50.0,
    "cer": 20.0,
    "rtf": 0.1,
    "audio_sec": 2.0,
    "num_utts": 2,
    "num_words": 4,
    "total_params": 2,
    "active_params": 1,
    "commit": "abc",
    "config": "dense",
    "seed": 1,
    "device": "cpu",
    "train_command": "python3 -m moeasr.bin.train",
    "command": "python3 -m moeasr.bin.decode",
}


@pytest.fixture
def exp_dir(tmp_path: Path) -> Path:
    path = tmp_path / "big_moe_seed1"
    for folder, second in (("greedy", "1 0 0 1"), ("greedy_chunk16", "0 2 0 0")):
        score = path / "decode_test" / folder / "score"
        score.mkdir(parents=True)
        (score / "per_utt").write_text(f"u1 #csid 1 1 0 0\nu2 #csid {second}\n")
    others = [RECORD | {"set": "dev", "rtf": 0.2}, RECORD | {"mode": "attention", "rtf": 0.3}]
    records = [*others, RECORD, RECORD | {"chunk_size": 16, "rtf": 0.5, "wer": 75.0}]
    (path / "results.json").write_text(json.dumps(records))
    return path


def test_an_experiment_is_read_without_optional_files(exp_dir: Path) -> None:
    experiment = read_experiment(exp_dir, "test", "greedy")
    assert (experiment.name, experiment.system, experiment.seed) == ("big_moe_seed1", "big_moe", 1)
    assert experiment.record == RECORD
    assert experiment.words == {"u1": Counts(hits=1, subs=1), "u2": Counts(hits=1, dels=1)}
    assert (experiment.training_sec, experiment.macs_per_audio_sec) == (None, None)
    assert experiment.command == "python3 -m moeasr.bin.train"
    chunked = read_experiment(exp_dir, "test", "greedy", 16)
    assert (chunked.record["rtf"], chunked.words["u2"]) == (0.5, Counts(subs=2))


def test_the_record_is_that_of_the_directory_whose_details_are_read(exp_dir: Path) -> None:
    others = [
        RECORD | {"dir": folder, "rtf": 9.9}
        for folder in ("decode_lm_test/greedy", "decode_test_2/greedy")
    ]
    own = RECORD | {"dir": "decode_test/greedy"}
    (exp_dir / "results.json").write_text(json.dumps([*others, own]))
    assert read_experiment(exp_dir, "test", "greedy").record == own


def test_optional_files_are_read(exp_dir: Path) -> None:
    (exp_dir / "training_time.json").write_text('{"training_sec": 90.5}')
    (exp_dir / "cost.json").write_text('{"macs_per_audio_sec": 123, "other": 1}')
    (exp_dir / "command").write_text("./run.sh --seed 1\n")
    experiment = read_experiment(exp_dir, "test", "greedy")
    assert (experiment.training_sec, experiment.macs_per_audio_sec) == (90.5, 123)
    assert experiment.command == "./run.sh --seed 1"
    (exp_dir / "command").write_bytes(
        b"./run.sh --exp-dir exp/\xff\n"
    )  # file names may have any encoding
    command = read_experiment(exp_dir, "test", "greedy").command
    assert command == "./run.sh --exp-dir exp/\ufffd"


def test_training_time_is_read_from_the_log_if_no_file_has_it(exp_dir: Path) -> None:
    (exp_dir / "train.log").write_text(
        "2026-01-01 10:00:00 INFO train: parameters: 2 total, 1 active per frame\n"
        "2026-01-01 10:01:00 INFO moeasr.train.trainer: training finished: 2 epochs, 9 steps\n"
    )
    assert read_experiment(exp_dir, "test", "greedy").training_sec == 60.0
    (exp_dir / "training_time.json").write_text('{"training_sec": 59.5}')
    assert read_experiment(exp_dir, "test", "greedy").training_sec == 59.5


def test_a_cost_with_uncounted_modules_is_ignored(exp_dir: Path) -> None:
    record = {"macs_per_audio_sec": 123, "uncounted": ["OwnRouter"]}
    (exp_dir / "cost.json").write_text(json.dumps(record))
    assert read_experiment(exp_dir, "test", "greedy").macs_per_audio_sec is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("results.json", "{", "results.json is not JSON"),
        ("results.json", "[" * 100_000, "results.json is not JSON"),
        ("results.json", "[" + "9" * 10_000 + "]", "results.json is not JSON"),
        ("results.json", "{}", "results.json must hold a JSON list"),
        ("results.json", "[{}]", "results.json lacks the key 'set'"),
        ("results.json", "[" * 100_000, "results.json is not JSON"),
        ("results.json", "\udcff", "results.json is not JSON"),
        ("results.json", "1" * 5000, "results.json is not JSON"),
        *(
            ("results.json", json.dumps([RECORD | {key: value}]), f"results.json: '{key}' must be")
            for key in RECORD
            for value in ([], {}, "x" if key in ("wer", "cer", "rtf", "chunk_size") else [None])
        ),
        ("results.json", "[]", "has no results of set test, mode greedy, chunk size -1"),
        (
            "results.json",
            json.dumps([RECORD | {"seed": 2}]),
            "has seed 2, but the directory name has 1",
        ),
        (
            "results.json",
            json.dumps([RECORD | {"stale": "averaged.pt is newer"}]),
            r"mode greedy, chunk size -1 are stale \(averaged\.pt is newer\); run stages 4 and 5",
        ),
        ("results.json", json.dumps([RECORD | {"wer": 49.9}]), "run stage 5 again"),
        ("decode_test/greedy/score/per_utt", "u1 #csid 1\n", "per_utt:1: must be"),
        ("cost.json", '{"macs_per_audio_sec": "many"}', "cost.json must hold a whole number"),
        ("training_time.json", "[]", "training_time.json must hold a number"),
        ("training_time.json", '{"training_sec": true}', "training_time.json must hold a number"),
        (
            "training_time.json",
            '{"training_sec": NaN}',
            "'training_sec' must be 0 or more, but is n",
        ),
        (
            "training_time.json",
            '{"training_sec": -4}',
            "'training_sec' must be 0 or more, but is -4",
        ),
        ("cost.json", "[]", "cost.json must hold a whole number"),
    ],
)
def test_faults_in_the_files_of_an_experiment_are_named(
    exp_dir: Path, name: str, content: str, message: str
) -> None:
    (exp_dir / name).write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=message):
        read_experiment(exp_dir, "test", "greedy")


def test_a_directory_without_results_or_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="results.json does not exist"):
        read_experiment(tmp_path / "dense_seed1", "test", "greedy")
    with pytest.raises(InputError, match="must be named <system>_seed<seed>"):
        read_experiment(tmp_path / "dense", "test", "greedy")


def test_experiments_are_sorted_by_name_and_then_by_seed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains no <system>_seed<seed>"):
        find_experiments(tmp_path)
    names = ["dense_seed2", "dense_seed10", "moe_seed1"]
    for name in [*names, "other", "dense_seed1_old"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").touch()
    (tmp_path / "unfinished_seed1").mkdir()
    assert [path.name for path in find_experiments(tmp_path)] == names
