"""Directories of modes are replaced whole or not at all."""

import json

import pytest

from moeasr.decode.hypothesis import Hypothesis, read_nbest
from moeasr.decode.results import ModeResult, mode_dir_name, write_mode_dirs


def result(name, text):
    nbest = {
        "b": [Hypothesis(tokens=tuple(text.encode()), score=-1.0)],
        "a": [Hypothesis(tokens=(), score=0.0)],
        "c": [],
    }
    return ModeResult(name, nbest, {"mode": name})


def to_text(tokens):
    return bytes(tokens).decode()


def test_the_three_files(tmp_path):
    write_mode_dirs(tmp_path / "deep" / "out", [result("x", "one two")], to_text)
    mode_dir = tmp_path / "deep" / "out" / "x"
    assert (mode_dir / "text").read_text() == "b one two\na\nc\n"
    assert list(read_nbest(mode_dir / "nbest.jsonl")) == ["b", "a", "c"]
    assert json.loads((mode_dir / "decode.json").read_text()) == {"mode": "x"}


def test_old_scores_do_not_survive_and_other_modes_do(tmp_path):
    write_mode_dirs(tmp_path, [result("x", "old"), result("y", "kept")], to_text)
    (tmp_path / "x" / "score").mkdir()
    (tmp_path / "x" / "score" / "wer").write_text("stale")
    write_mode_dirs(tmp_path, [result("x", "new")], to_text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "y"]
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "decode.json",
        "nbest.jsonl",
        "text",
    ]
    assert (tmp_path / "x" / "text").read_text().startswith("b new\n")
    assert (tmp_path / "y" / "text").read_text().startswith("b kept\n")


def test_a_failure_leaves_everything_as_it_was(tmp_path):
    write_mode_dirs(tmp_path, [result("x", "old")], to_text)
    broken = ModeResult("y", result("y", "q").nbest, {"mode": object()})
    with pytest.raises(TypeError):
        write_mode_dirs(tmp_path, [result("x", "new"), broken], to_text)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x" / "text").read_text().startswith("b old\n")


def test_names():
    assert mode_dir_name("attention", -1) == "attention"
    assert mode_dir_name("attention", 16) == "attention_chunk16"
