"""JSON that every program can read."""

import json
import math
import re
from pathlib import Path

import pytest

import moeasr
from moeasr.decode.hypothesis import Hypothesis, read_nbest, write_nbest
from moeasr.errors import InputError
from moeasr.strict_json import to_json
from moeasr.train.writers import JsonLinesWriter


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_what_is_no_number_is_null() -> None:
    value = {"a": [1.5, math.nan, (math.inf, -math.inf)], "b": {"c": math.nan}, "d": "NaN", "e": 1}
    expected = {"a": [1.5, None, [None, None]], "b": {"c": None}, "d": "NaN", "e": 1}
    for indent in (None, 1):
        assert json.loads(to_json(value, indent), parse_constant=refuse) == expected


def test_what_is_no_number_changes_nothing_else() -> None:
    value = {"text": "\u4f60\u597d", "score": math.nan}
    assert to_json(value) == r'{"text": "\u4f60\u597d", "score": null}'
    expected = '{\n "text": "\u4f60\u597d",\n "score": null\n}'
    assert to_json(value, 1, ensure_ascii=False) == expected


def test_other_values_are_as_json_has_them() -> None:
    value = {"text": "\u4f60\u597d", "numbers": [0.1, -3, True, None]}
    assert to_json(value) == json.dumps(value)
    assert to_json(value, 2, ensure_ascii=False) == json.dumps(value, ensure_ascii=False, indent=2)


def test_metrics_of_a_diverging_training_are_json(tmp_path: Path) -> None:
    writer = JsonLinesWriter(tmp_path, 0)
    writer.write("train", 1, {"loss": math.nan, "grad_norm": math.inf, "lr": 0.5})
    writer.close()
    line = (tmp_path / "metrics.jsonl").read_text()
    expected = {"kind": "train", "step": 1, "loss": None, "grad_norm": None, "lr": 0.5}
    assert json.loads(line, parse_constant=refuse) == expected
    JsonLinesWriter(tmp_path, 1).close()
    assert (tmp_path / "metrics.jsonl").read_text() == line


def test_hypotheses_without_a_finite_score_are_json(tmp_path: Path) -> None:
    hypothesis = Hypothesis(tokens=(), score=-math.inf, ctc_score=math.nan)
    write_nbest(tmp_path / "nbest.jsonl", {"u": [hypothesis]}, lambda tokens: "", lambda h: {})
    json.loads((tmp_path / "nbest.jsonl").read_text(), parse_constant=refuse)
    entry = read_nbest(tmp_path / "nbest.jsonl")["u"][0]
    assert (entry["score"], entry["ctc_score"], entry["confidence"]) == (None, None, None)


def test_nobody_writes_json_in_another_way() -> None:
    folder = Path(moeasr.__file__).parent
    writers = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if re.search(r"\bjson\.dumps?\(", path.read_text(encoding="utf-8"))
    }
    assert writers == {"strict_json.py"}


@pytest.mark.parametrize("line", ["[" * 100_000, '{"utt_id": "u", "nbest": ' + "9" * 10_000 + "}"])
def test_n_best_lines_that_no_parser_takes_are_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "nbest.jsonl").write_text(line)
    with pytest.raises(InputError, match=r"nbest.jsonl:1: must be a JSON object with `utt_id`"):
        read_nbest(tmp_path / "nbest.jsonl")
