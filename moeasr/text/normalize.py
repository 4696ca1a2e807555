"""Transcript clean-up shared by the dictionary, the tokenizer and the scorer.

One rule set, so that what is learnt and what is scored are the same text:

- any run of white space (tabs, no-break and ideographic spaces too) becomes one plain space, and
  none is left at either end;
- characters take their composed Unicode form (NFC): the two ways to write an accented letter look
  alike and must be one unit;
- letter case is never changed, nothing is deleted and no punctuation is touched: what a recipe
  wants changed it changes in its own data preparation, where a reader can see it;
- control characters (a carriage return above all), the byte order mark and U+2581, which stands
  for the space in units files, are refused.
"""

import unicodedata

from moeasr.errors import InputError

SPACE_UNIT = "\u2581"


def normalize(text: str) -> str:
    """The clean form of one transcript.

    Raises:
        InputError: The text holds a character that is refused; the caller adds where.
    """
    fault = find_fault(text)
    if fault is not None:
        raise InputError(fault)
    return unicodedata.normalize("NFC", " ".join(text.split()))


def find_fault(text: str) -> str | None:
    """What is wrong with the characters of `text`, in words, or None."""
    if text.isascii() and text.isprintable():
        return None
    for character in text:
        if character == "\r":
            return "carriage return U+000D (a Windows line end?); convert with `sed -i 's/\\r$//'`"
        if character == "\ufeff":
            return "byte order mark U+FEFF; save the text as UTF-8 without it"
        if character == SPACE_UNIT:
            return "U+2581 stands for the space in units files and cannot be in a transcript"
        if character != "\t" and unicodedata.category(character) in ("Cc", "Cs"):
            return f"control character U+{ord(character):04X}"
    return None
