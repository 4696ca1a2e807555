"""Config files with a base: `base: dense.yaml`, followed by the keys that differ from it.

The base is a path relative to the file that names it, and may have a base of its own. Sections are
merged key by key; a number, a text, a list or null replaces the value in the base.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from moeasr.config import load_yaml
from moeasr.errors import InputError
from moeasr.yaml_text import quote_yaml

BASE = "base"
"""The key of a config file that names its base."""


class ConfigFile(NamedTuple):
    """One file of a chain of bases."""

    path: Path
    """Path of the file, as messages show it."""
    keys: dict[str, Any]
    """The keys of the file itself without `base`, not merged with the keys of its base."""


def load_chain(path: str | Path) -> list[ConfigFile]:
    """Read a config file and its bases.

    Returns:
        The files in the order in which they are merged: a base comes before the file that names
        it, and the file at `path` comes last.

    Raises:
        InputError: A file is missing or not a config, or a file is a base of itself. The message
            names the files from `path` to the base at fault.
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
        except (OSError, ValueError) as error:  # ValueError: the text cannot be a file name
            if len(names) == 1:
                raise
            raise InputError(f"{error} (chain of bases: {' -> '.join(names)})") from None
        chain.insert(0, ConfigFile(following, keys))
        following = base
    return chain


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of `base`, overridden by the keys of `changes` section by section."""
    merged = dict(base)
    for key, value in changes.items():
        below = base.get(key)
        is_section = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(below, value) if is_section else value
    return merged


def _pop_base(keys: dict[str, Any], path: Path) -> Path | None:
    """Remove `base` from the keys of a file and return the path of the base, or None."""
    if BASE not in keys:
        return None
    name = keys.pop(BASE)
    if not isinstance(name, str) or not name:
        raise InputError(
            f"{path}: '{BASE}' must be the path of a YAML file, but is {quote_yaml(name)}"
        )
    return path.parent / name
