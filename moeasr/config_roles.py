"""Roles of config keys: what changes when the value of a key changes.

The metadata of a dataclass field gives its role. The fields of a section inherit the role of the
section unless they have a role of their own:

    dropout: float = field(default=0.1, metadata=PROCEDURE)

- `identity`, the default: the network or its training data. Weights that were trained with one
  value are useless with another.
- `objective`: the loss, or the criterion that selects epochs. The network computes the same, but
  the losses of two values cannot be compared.
- `procedure`: the course of training, such as dropout or the batch size. A resumed training may
  use another value.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

Role = Literal["identity", "objective", "procedure"]
OBJECTIVE: Mapping[str, Role] = {"role": "objective"}
PROCEDURE: Mapping[str, Role] = {"role": "procedure"}


def key_of(field: dataclasses.Field) -> str:
    """Return the key of a field: its name, without the underscore that tells it from a keyword.

    The field of the key `from` is called `from_`, because `from` is a keyword of Python.
    """
    return field.name.removesuffix("_")


def role_of(config: Any, key: str) -> Role:
    """Return the role of a key.

    Args:
        config: A config dataclass.
        key: Dotted path of the key. If the path is longer than the nesting of the config, the last
            part that is a key of the config decides.
    """
    role: Role = "identity"
    for name in key.split("."):
        parts = {part: (value, its_role) for part, value, its_role in _parts(config, role)}
        if name not in parts:
            break
        config, role = parts[name]
    return role


def values_by_key(config: Any, *roles: Role) -> dict[str, Any]:
    """Return the values of all keys that have one of the given roles, by dotted path."""
    return dict(_values(config, "identity", "", roles))


def _values(
    config: Any, role: Role, prefix: str, roles: tuple[Role, ...]
) -> Iterator[tuple[str, Any]]:
    for name, value, its_role in _parts(config, role):
        if dataclasses.is_dataclass(value) or isinstance(value, Mapping):
            yield from _values(value, its_role, f"{prefix}{name}.", roles)
        elif its_role in roles:
            yield prefix + name, value


def _parts(config: Any, role: Role) -> Iterator[tuple[str, Any, Role]]:
    """Yield the name, value and role of each key in a section; nothing for a plain value."""
    if dataclasses.is_dataclass(config):
        for field in dataclasses.fields(config):
            its_role = field.metadata.get("role", role)
            yield key_of(field), getattr(config, field.name), its_role
    elif isinstance(config, Mapping):
        for name, value in config.items():
            yield name, value, role
