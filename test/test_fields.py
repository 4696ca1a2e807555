"""Fields of lines: plain spaces and tabs separate them, nothing else."""

import pytest

from moeasr.fields import is_one_field, split_fields


@pytest.mark.parametrize(
    ("line", "maxsplit", "fields"),
    [
        ("", 0, []),
        (" \t ", 0, []),
        ("a", 0, ["a"]),
        (" a\tb  c ", 0, ["a", "b", "c"]),
        (" a\tb  c ", 1, ["a", "b  c"]),
        ("a\u00a0b c\u3000d\u2028", 0, ["a\u00a0b", "c\u3000d\u2028"]),
        ("a\x0b\x0c\x1c\x85b", 0, ["a\x0b\x0c\x1c\x85b"]),
        ("\u00a0 a", 1, ["\u00a0", "a"]),
    ],
)
def test_fields_by_hand(line, maxsplit, fields):
    assert split_fields(line, maxsplit) == fields


def test_ids():
    assert is_one_field("u\u00a01\u3000")
    assert not any(map(is_one_field, ["", " ", "a b", "a\tb", "a\n", "\ra", "a\x0b", "\x0ca"]))
