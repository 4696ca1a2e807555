"""Types of the values in records of results."""

from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.score.record import KINDS, check_kinds

GOOD = {
    **{"set": "test", "mode": "attention", "chunk_size": -1, "wer": 4.5, "cer": 3, "seed": None},
    **{"wer_ci": [1, 2.5], "words": {"ins": 1, "dels": 0, "subs": 2}, "device": "cpu"},
    "a key of one's own": object(),
}


def test_values_of_the_right_type_are_accepted() -> None:
    check_kinds(GOOD, Path("decode.json"))


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("set", 1, "text, but is 1"),
        ("chunk_size", 1.5, "a whole number, but is 1.5"),
        ("num_utts", True, "a whole number, but is True"),
        ("wer", "4.5", "a number, but is '4.5'"),
        ("wer_ci", [1, 2, 3], r"two numbers, but is \[1, 2, 3\]"),
        ("words", {"ins": 1}, "an object with the whole numbers ins, dels and subs, but is {'ins'"),
        ("seed", [5], r"text or a number, but is \[5\]"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(key: str, value: object, wanted: str) -> None:
    with pytest.raises(InputError, match=f"^exp/decode.json: '{key}' must be {wanted}"):
        check_kinds(GOOD | {key: value}, Path("exp/decode.json"))


def test_no_type_accepts_an_empty_object() -> None:
    assert not any(is_kind({}) for is_kind, _ in KINDS.values())
