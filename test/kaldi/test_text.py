"""Transcripts that Kaldi accepts and rejects."""

from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.text import check_text

PATH = Path("data/text")


def test_text_in_any_writing_system_is_valid():
    lines = ["a ONE\tTWO", "b \u4f60\u597d", "c \u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645"]
    check_text(PATH, [line.encode() for line in lines], False)  # the last has a joiner


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"u A\r", r"contains CR \(0x0D\) character"),
        (b"u A <s> B", "contains illegal symbol <s>"),
        (b"u #0", "contains illegal symbol #0"),
        ("u A\u00a0B".encode(), "contains disallowed Unicode whitespaces"),
        (b"u \xff", r"is not valid UTF-8 \(--non-print accepts it\)"),
    ],
)
def test_a_bad_line_is_named(raw, message):
    start = "data/text, line 2: the line for utterance u"
    with pytest.raises(InputError, match=f"{start} {message}"):
        check_text(PATH, [b"a A", raw], False)


def test_words_that_only_contain_a_symbol_are_valid():
    check_text(PATH, [b"u x<s>", b"v a#0b"], False)


def test_control_characters_are_counted_unless_they_are_allowed():
    lines = [b"a A", b"b \x07", b"c \x1b"]
    message = r"^text contains 2 lines with non-printable characters \(data/text, first in line 2;"
    with pytest.raises(InputError, match=message):
        check_text(PATH, lines, False)
    check_text(PATH, [*lines, b"d \xff"], True)


def test_an_empty_table_is_no_text():
    with pytest.raises(InputError, match="file 'data/text' is empty or does not exist"):
        check_text(PATH, [], False)
