"""Conversion of records to plain values for JSON."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

NOT_EXPORTED = MappingProxyType({"is_exported": False})
"""Metadata of a field of a dataclass that JSON leaves out."""


def plain(value: Any) -> Any:
    """Return a value as mappings, lists, strings, numbers, truth values and None.

    Dataclasses and named tuples become mappings of their fields and properties.
    """
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        names = [f.name for f in fields if f.metadata.get("is_exported", True)]
        return _record(value, names)
    if hasattr(value, "_fields"):
        return _record(value, value._fields)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def _record(value: Any, names: Sequence[str]) -> dict[str, Any]:
    properties = [name for name, item in vars(type(value)).items() if isinstance(item, property)]
    return {name: plain(getattr(value, name)) for name in (*names, *properties)}
