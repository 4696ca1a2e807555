"""Units that stand for one byte of a character."""

import pytest

from moeasr.text.byte_units import byte_of, merge_bytes

HAND = ["<0xE6>", "<0x89>", "<0x8B>"]


@pytest.mark.parametrize(
    ("unit", "byte"),
    [("<0x00>", 0), ("<0xE6>", 0xE6), ("<0xe6>", None), ("<0xE6", None), ("a", None), ("", None)],
)
def test_units_that_represent_bytes(unit, byte):
    assert byte_of(unit) == byte


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ([], []),
        (["a", *HAND, "b"], [("a", [0]), ("手", [1, 2, 3]), ("b", [4])]),
        ([*HAND, "<0x41>"], [("手", [0, 1, 2]), ("A", [3])]),
        ([*HAND[:2], "a"], [("\ufffd", [0, 1]), ("a", [2])]),  # the end of the character is missing
        (["<0x89>", "<0x41>"], [("\ufffd", [0]), ("A", [1])]),
        (HAND[:1], [("\ufffd", [0])]),
    ],
)
def test_bytes_in_a_row_make_characters(units, expected):
    assert merge_bytes(units) == expected
