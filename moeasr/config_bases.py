"""Config files with a base: `base: dense.yaml`, and below it only the keys that differ.

The base is a path relative to the file that names it, and may have a base of its own. Sections are
merged key by key; a number, a text, a list or null replaces what the base has.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from moeasr.config import load_yaml
from moeasr.errors import InputError

BASE = "base"
"""The key of a config file that names its base."""


class ConfigFile(NamedTuple):
    """One file of a chain of bases."""

    path: Path
    """Its path, as it is named in messages."""
    keys: dict[str, Any]
    """Its own keys without `base`, not merged with those of its base."""


def load_chain(path: str | Path) -> list[ConfigFile]:
    """Read a config file and its bases.

    Returns:
        The files in the order in which they are merged: a base stands before the file that names
        it, and the file at `path` is the last one.

    Raises:
        InputError: A file is missing or no config, or a file is a base of itself. The message names
            the files from `path` to the base at fault.
    """
    chain: list[ConfigFile] = []
    names: list[str] = []
    seen: set[str] = set()
    following: Path | None = Path(path)
    while following is not None:
        names.append(str(following))
        try:
            if os.path.realpath(following) in seen:
                raise InputError("a config file cannot be a base of itself")
            seen.add(os.path.realpath(following))
            keys = load_yaml(following)
            base = _pop_base(keys, following)
        except (OSError, ValueError) as error:  # a ValueError: not even the name of a file
            if len(names) == 1:
                raise
            raise InputError(f"{error} (chain of bases: {' -> '.join(names)})") from None
        chain.insert(0, ConfigFile(following, keys))
        following = base
    return chain


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of `base` with those of `changes` put over them, section by section."""
    merged = dict(base)
    for key, value in changes.items():
        below = base.get(key)
        is_section = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(below, value) if is_section else value
    return merged


def _pop_base(keys: dict[str, Any], path: Path) -> Path | None:
    """Take `base` out of the keys of a file and return the path that it means, if it is there."""
    if BASE not in keys:
        return None
    name = keys.pop(BASE)
    if not isinstance(name, str) or not name:
        raise InputError(f"{path}: '{BASE}' must be the path of a YAML file, but is {name!r}")
    return path.parent / name
