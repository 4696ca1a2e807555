"""Fields of a line in tables, lists and language models, separated by plain spaces and tabs.

Python's `str.split` also splits at no-break, ideographic and other Unicode spaces. In these files
such spaces are part of ids, units and words.
"""

import re

SPACES = " \t"
_LINE_SPACES = re.compile("[ \t\n\r\x0b\x0c]")


def split_fields(line: str, maxsplit: int = 0) -> list[str]:
    r"""Return the fields of a line.

        >>> split_fields("utt-1  to\u00a0be \t or")
        ['utt-1', 'to\xa0be', 'or']

    Args:
        line: The line.
        maxsplit: Largest number of splits; the remainder stays one field. 0 for no limit.
    """
    line = line.strip(SPACES)
    return re.split(f"[{SPACES}]+", line, maxsplit=maxsplit) if line else []


def is_one_field(text: str) -> bool:
    """Return whether a text can be an id in a table: not empty and without ASCII white space."""
    return bool(text) and not _LINE_SPACES.search(text)
