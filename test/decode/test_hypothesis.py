"""The n-best file, and the confidence of hypotheses."""

import json
import math

import pytest

from moeasr.decode.hypothesis import Hypothesis, read_nbest, write_nbest
from moeasr.errors import InputError


def test_a_written_file_is_read_back(tmp_path):
    nbest = {
        "b": [
            Hypothesis(
                tokens=(3, 4), score=-1.5, ctc_score=-1.0, attention_score=-0.5, fusion_score=0.25
            ),
            Hypothesis(tokens=(), score=-2.0),
        ],
        "a": [],
    }
    path = tmp_path / "nbest.jsonl"
    write_nbest(
        path,
        nbest,
        lambda tokens: " ".join("xyz\u00e9w"[token] for token in tokens),
        lambda hypothesis: {"length": len(hypothesis.tokens)},
    )
    assert [json.loads(line)["utt_id"] for line in path.read_text().splitlines()] == ["b", "a"]
    keys = ("text", "score", "ctc_score", "attention_score", "fusion_score")
    assert read_nbest(path) == {
        "b": [
            {
                **dict(zip(keys, ["\u00e9 w", -1.5, -1.0, -0.5, 0.25])),
                "confidence": math.exp(-0.5 / 3),
                "length": 2,
            },
            {
                **dict(zip(keys, ["", -2.0, None, None, None])),
                "confidence": None,
                "length": 0,
            },
        ],
        "a": [],
    }
    assert [p.name for p in tmp_path.iterdir()] == ["nbest.jsonl"]


def test_confidence_comes_from_the_decoder_or_else_from_ctc():
    assert Hypothesis(tokens=(3,), score=-9.0, ctc_score=-1.0).confidence == math.exp(-0.5)
    both = Hypothesis(tokens=(3, 4, 4), score=-9.0, ctc_score=-1.0, attention_score=-2.0)
    assert both.confidence == math.exp(-0.5)
    assert Hypothesis(tokens=(), score=-9.0, ctc_score=-1.0).confidence == math.exp(-1.0)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"utt_id": "a"}',
        "3",
        '{"utt_id": [], "nbest": []}',
        '{"utt_id": "b", "nbest": 3}',
    ],
)
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "nbest.jsonl"
    path.write_text('{"utt_id": "a", "nbest": []}\n' + line + "\n")
    with pytest.raises(InputError, match=r"nbest\.jsonl:2: "):
        read_nbest(path)


def test_a_file_of_another_encoding_is_named(tmp_path):
    path = tmp_path / "nbest.jsonl"
    path.write_bytes('{"utt_id": "ä", "nbest": []}\n'.encode("latin-1"))
    with pytest.raises(InputError, match=r"nbest\.jsonl is not UTF-8"):
        read_nbest(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        read_nbest(tmp_path / "nowhere")
