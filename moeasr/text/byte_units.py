"""Byte units such as `<0xE6>`, which represent one byte of a character (byte fallback)."""

import codecs
import re
from collections.abc import Sequence

_BYTE_UNIT = re.compile("<0x([0-9A-F]{2})>")


def byte_of(unit: str) -> int | None:
    """Return the byte that a unit represents; None for other units."""
    found = _BYTE_UNIT.fullmatch(unit)
    return None if found is None else int(found.group(1), 16)


def merge_bytes(units: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Merge byte units into the characters that they encode.

        >>> merge_bytes(["a", "<0xE6>", "<0x89>", "<0x8B>"])
        [('a', [0]), ('手', [1, 2, 3])]

    Args:
        units: Pieces of a sentencepiece model.

    Returns:
        Texts with the positions of their units in `units`. Bytes that are not UTF-8 become U+FFFD.
    """
    merged: list[tuple[str, list[int]]] = []
    decoder, pending = codecs.getincrementaldecoder("utf-8")("replace"), []

    def flush(text: str) -> None:
        if text:
            merged.append((text, list(pending)))
            pending.clear()

    for place, unit in enumerate(units):
        byte = byte_of(unit)
        if byte is None:
            flush(decoder.decode(b"", final=True))
            merged.append((unit, [place]))
        else:
            pending.append(place)
            flush(decoder.decode(bytes([byte])))
    flush(decoder.decode(b"", final=True))
    return merged
