"""A check of transcripts for characters and words that Kaldi rejects."""

import re
from pathlib import Path

from moeasr.datadir.raw_tables import Lines, key, show
from moeasr.errors import InputError

FORBIDDEN_SYMBOL = re.compile(rb"(?<!\w)(<s>|</s>|#0)(?!\w)")
"""Words with a special meaning in Kaldi's language models, matched as by `grep -w`."""
_OTHER_SPACE = re.compile(r"[^\S \t\x1c-\x1f]")  # only Python regards \x1c to \x1f as spaces
# Control characters. Unassigned code points are accepted, because they may be newer than Python's
# tables, and so are format characters, which Persian and Indic scripts need.
_NON_PRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def check_text(path: Path, lines: Lines, allow_non_printable: bool) -> None:
    """Check the lines of `text` in any writing system, independently of installed locales.

    Args:
        path: The file, for messages.
        lines: The lines of the file.
        allow_non_printable: True to accept control characters and lines that are not UTF-8.

    Raises:
        InputError: The file is empty, or a line contains a carriage return, a Unicode space other
            than space and tab, a non-printable character or a forbidden word.
    """
    if not lines:
        raise InputError(f"ERROR: file '{path}' is empty or does not exist")
    bad_lines = []
    for number, raw in enumerate(lines, start=1):
        where = f"{path}, line {number}: the line for utterance {show(key(raw))}"
        if b"\r" in raw:
            raise InputError(f"{where} contains CR (0x0D) character")
        forbidden = FORBIDDEN_SYMBOL.search(raw)
        if forbidden:
            raise InputError(f"Error: {where} contains illegal symbol {show(forbidden[1])}")
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:
            if not allow_non_printable:
                raise InputError(f"{where} is not valid UTF-8 (--non-print accepts it)") from None
            continue
        if _OTHER_SPACE.search(line):
            raise InputError(f"{where} contains disallowed Unicode whitespaces")
        if _NON_PRINTABLE.search(line):
            bad_lines.append(number)
    if bad_lines and not allow_non_printable:
        raise InputError(
            f"text contains {len(bad_lines)} lines with non-printable characters "
            f"({path}, first in line {bad_lines[0]}; --non-print accepts them)"
        )
