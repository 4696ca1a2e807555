"""The choice of units for a corpus."""

import pytest

from moeasr.errors import InputError
from moeasr.text.build_tokenizer import build_tokenizer, measure_coverage, spelled


def test_vocab_size_keeps_the_most_frequent_units() -> None:
    texts = ["z z z c c a a d", "<unk> <unk> <unk> <unk>"]
    tokenizer = build_tokenizer(texts, "word", 5)
    assert tokenizer.units[3:] == ["a", "z"]  # a and c tie: C order
    coverage = measure_coverage(tokenizer, texts)
    assert (coverage.num_utts, coverage.num_units) == (2, 12)
    assert coverage.unknown == {"c": 2, "d": 1}
    assert coverage.percent == 75.0
    nothing = measure_coverage(tokenizer, [""])
    assert (nothing.num_utts, nothing.percent) == (1, 100.0)  # nothing is unknown


@pytest.mark.parametrize(
    ("texts", "size", "message"),
    [(["", ""], None, "no text"), (["a"], 3, "more than 3, the number of special units, but is 3")],
)
def test_impossible_dictionaries(texts: list[str], size: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_tokenizer(texts, "char", size)


def test_invisible_characters_are_spelled_as_code_points() -> None:
    assert [spelled(unit) for unit in ("a", "你", "\u200b", "a\u00adb")] == [
        "a",
        "你",
        "U+200B",
        "aU+00ADb",
    ]
