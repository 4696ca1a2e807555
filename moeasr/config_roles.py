"""The role of a config key: what another value of it changes.

A config dataclass gives a field its role by metadata. A section passes its role on to all fields in
it that have none of their own:

    dropout: float = field(default=0.1, metadata=PROCEDURE)

- `identity`, the default: the network, or what it is trained on. Weights of one value are of no use
  with another.
- `objective`: what training optimizes or judges epochs by. The network computes the same, but
  losses of two values cannot be compared.
- `procedure`: how training goes about it, such as dropout or the size of batches. A resumed
  training may have another value.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

Role = Literal["identity", "objective", "procedure"]
OBJECTIVE: Mapping[str, Role] = {"role": "objective"}
PROCEDURE: Mapping[str, Role] = {"role": "procedure"}


def role_of(config: Any, key: str) -> Role:
    """Return the role of a key.

    Args:
        config: A config dataclass.
        key: Its dotted path. Of a path that leaves the config the part within it decides.
    """
    role: Role = "identity"
    for name in key.split("."):
        parts = {part: (value, its_role) for part, value, its_role in _parts(config, role)}
        if name not in parts:
            break
        config, role = parts[name]
    return role


def values_by_key(config: Any, *roles: Role) -> dict[str, Any]:
    """Return the values of all keys that have one of these roles, by dotted path.

    Args:
        config: A config dataclass.
        roles: The roles.
    """
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
    """Yield name, value and role of what a section consists of; a plain value has no parts."""
    if dataclasses.is_dataclass(config):
        for field in dataclasses.fields(config):
            yield field.name, getattr(config, field.name), field.metadata.get("role", role)
    elif isinstance(config, Mapping):
        for name, value in config.items():
            yield name, value, role
