"""Normalization of transcripts for the dictionary, the tokenizer and the scorer.

All three use the same rules, so that models are trained and scored on the same text:

- Any sequence of white space (including tabs, no-break and ideographic spaces) becomes one plain
  space. Leading and trailing spaces are removed.
- Characters are converted to the composed Unicode form (NFC), because the two ways to write an
  accented letter look alike and must be one unit.
- Letter case and punctuation are never changed, and nothing is deleted. A recipe makes such changes
  in its own data preparation, where a reader can see them.
- Control characters (such as a carriage return), the byte order mark and U+2581, which represents
  the space in units files, are rejected.
"""

import unicodedata

from moeasr.errors import InputError

SPACE_UNIT = "\u2581"


def normalize(text: str) -> str:
    """Return a transcript in Unicode NFC with single spaces between its words.

    Raises:
        InputError: The text contains a rejected character. The caller adds the place to the
            message.
    """
    fault = find_fault(text)
    if fault is not None:
        raise InputError(fault)
    return unicodedata.normalize("NFC", " ".join(text.split()))


def find_fault(text: str) -> str | None:
    """Return a message about the first rejected character of `text`, or None."""
    if text.isascii() and text.isprintable():
        return None
    for character in text:
        if character == "\r":
            return (
                "contains a carriage return U+000D (a Windows line ending?); remove it with "
                "`sed -i 's/\\r$//'`"
            )
        if character == "\ufeff":
            return (
                "contains a byte order mark U+FEFF; remove it (save the file as UTF-8 without it)"
            )
        if character == SPACE_UNIT:
            return "contains U+2581, which is reserved for the space in units files"
        if character != "\t" and unicodedata.category(character) in ("Cc", "Cs"):
            return f"contains the control character U+{ord(character):04X}"
    return None
