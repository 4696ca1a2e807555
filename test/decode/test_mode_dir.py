"""Output directories of decoding modes, which are replaced completely or not at all."""

import json
import os
from itertools import islice
from pathlib import Path

import pytest

from moeasr.decode.hypothesis import Hypothesis, read_nbest
from moeasr.decode.mode_dir import ModeResult, mode_dir_name, write_mode_dirs
from moeasr.decode.times import Timed, Times


def result(name, text):
    nbest = {
        "b": [Hypothesis(tokens=tuple(text.encode()), score=-1.0)],
        "a": [Hypothesis(tokens=(), score=0.0)],
        "c": [],
    }
    return ModeResult(name, nbest, {"mode": name})


def to_text(tokens):
    return bytes(tokens).decode()


def no_times(hypothesis):
    """Return None, as for a hypothesis without alignment."""


def test_a_mode_directory_has_three_files(tmp_path):
    write_mode_dirs(tmp_path / "deep" / "out", [result("x", "one two")], to_text, no_times)
    mode_dir = tmp_path / "deep" / "out" / "x"
    assert (mode_dir / "text").read_text() == "b one two\na\nc\n"
    assert list(read_nbest(mode_dir / "nbest.jsonl")) == ["b", "a", "c"]
    assert json.loads((mode_dir / "decode.json").read_text()) == {"mode": "x"}


def to_times(hypothesis):
    if hypothesis.spans is None:
        return None
    words = [
        Timed(f"w{n}", 0.04 * a, 0.04 * b, 0.123456) for n, (a, b) in enumerate(hypothesis.spans)
    ]
    return Times(tokens=words[:1], words=words)


def test_word_times_are_written(tmp_path, caplog):
    nbest = {
        "b": [Hypothesis(tokens=(65, 66), score=-1.0, spans=((3, 4), (7, 10)))] * 2,
        "a": [Hypothesis(tokens=(), score=0.0, spans=())],
        "c": [Hypothesis(tokens=(65,), score=0.0)],
        "d": [],
    }
    results = [ModeResult("x", nbest, {}), ModeResult("y", {"c": nbest["c"]}, {})]
    with caplog.at_level("WARNING"):
        write_mode_dirs(tmp_path, results, to_text, to_times)
    assert (tmp_path / "x" / "ctm").read_text() == "b 1 0.12 0.04 w0 0.12\nb 1 0.28 0.12 w1 0.12\n"
    assert "x: 1 utterance has more tokens than CTC can align (left out of ctm): c" in caplog.text
    assert not (tmp_path / "y" / "ctm").exists()
    short = {"c": nbest["c"], "a": nbest["a"]}  # one too short for a frame, and no CTC
    caplog.clear()
    write_mode_dirs(tmp_path, [ModeResult("z", short, {})], to_text, to_times)
    assert not (tmp_path / "z" / "ctm").exists() and not caplog.text
    write_mode_dirs(tmp_path, [ModeResult("z", {"a": nbest["a"]}, {})], to_text, to_times)
    assert (tmp_path / "z" / "ctm").read_text() == ""
    first = read_nbest(tmp_path / "x" / "nbest.jsonl")["b"][0]
    assert first["tokens"] == [
        {"text": "w0", "start_sec": 0.12, "end_sec": 0.16, "confidence": 0.1235}
    ]
    assert [word["text"] for word in first["words"]] == ["w0", "w1"]
    assert "words" not in read_nbest(tmp_path / "x" / "nbest.jsonl")["c"][0]


def test_old_scores_are_removed_and_other_modes_are_kept(tmp_path):
    write_mode_dirs(tmp_path, [result("x", "old"), result("y", "kept")], to_text, no_times)
    (tmp_path / "x" / "score").mkdir()
    (tmp_path / "x" / "score" / "wer").write_text("stale")
    write_mode_dirs(tmp_path, [result("x", "new")], to_text, no_times)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "y"]
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "decode.json",
        "nbest.jsonl",
        "text",
    ]
    assert (tmp_path / "x" / "text").read_text().startswith("b new\n")
    assert (tmp_path / "y" / "text").read_text().startswith("b kept\n")


def test_a_failure_changes_no_directory(tmp_path):
    write_mode_dirs(tmp_path, [result("x", "old")], to_text, no_times)
    broken = ModeResult("y", result("y", "q").nbest, {"mode": object()})
    with pytest.raises(TypeError):
        write_mode_dirs(tmp_path, [result("x", "new"), broken], to_text, no_times)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]
    assert (tmp_path / "x" / "text").read_text().startswith("b old\n")


def test_the_later_of_two_simultaneous_writers_leaves_a_complete_directory(tmp_path, monkeypatch):
    """The other process writes after the old directory was moved away and before it is replaced."""
    write_mode_dirs(tmp_path, [result("x", "old")], to_text, no_times)
    real, others = os.replace, iter(["other", "another"])

    def replace(source, target):
        real(source, target)
        if Path(source) == tmp_path / "x":
            for word in islice(others, 1):
                write_mode_dirs(tmp_path, [result("x", word)], to_text, no_times)

    monkeypatch.setattr(os, "replace", replace)
    write_mode_dirs(tmp_path, [result("x", "new")], to_text, no_times)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x" / "text").read_text().startswith("b new\n")
    assert next(others, None) is None


def test_a_chunk_size_is_part_of_the_directory_name():
    assert mode_dir_name("attention", -1) == "attention"
    assert mode_dir_name("attention", 16) == "attention_chunk16"
