"""Standard JSON, without NaN and infinity, which other programs refuse to read."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moeasr.atomic import atomic_path


def to_json(value: Any, indent: int | None = None, ensure_ascii: bool = True) -> str:
    """Return a value as JSON text in which NaN and infinite numbers are null.

    Args:
        value: Mappings, sequences, strings, numbers, truth values and None.
        indent: Spaces per level; None puts everything on one line.
        ensure_ascii: True to escape letters outside ASCII. False keeps transcripts readable.
    """
    try:
        return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, allow_nan=False)
    except ValueError:  # a number is not finite, which is too rare to check beforehand
        value = _with_nulls(value)
        return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, allow_nan=False)


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as a JSON file for people to read; NaN and infinite numbers are null."""
    with atomic_path(path) as temporary:
        temporary.write_text(to_json(value, indent=1) + "\n", encoding="utf-8")


def _with_nulls(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _with_nulls(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_nulls(item) for item in value]
    return value
