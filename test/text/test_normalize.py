"""Normalization rules: characters that are changed, rejected and kept."""

import pytest

from moeasr.errors import InputError
from moeasr.text.normalize import SPACE_UNIT, find_fault, normalize


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("", ""),
        ("  a\t b  ", "a b"),
        ("a\u00a0b\u3000c\u2009d", "a b c d"),  # no-break, ideographic and thin space
        ("Cafe\u0301", "Caf\u00e9"),
        ("McDonald's, OK?", "McDonald's, OK?"),
        ("\u4f60 \u597d", "\u4f60 \u597d"),
        ("\uff21\ufb01", "\uff21\ufb01"),  # full-width A and the fi ligature are not folded
    ],
)
def test_normalize_known_texts(text: str, clean: str) -> None:
    assert normalize(text) == clean
    assert normalize(clean) == clean


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello\r", "carriage return"),
        ("\ufeffhello", "byte order mark"),
        ("a\x07b", "U+0007"),
        ("a\x85b", "U+0085"),  # str.split() would silently take it for a space
        (f"a{SPACE_UNIT}b", "U+2581"),
        ("a\ud800", "U+D800"),  # half of a character, which no file can hold
    ],
)
def test_refused_characters_are_named(text: str, words: str) -> None:
    assert words in (find_fault(text) or "")
    with pytest.raises(InputError, match=words.replace("+", r"\+")):
        normalize(text)
