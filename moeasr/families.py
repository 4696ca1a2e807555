"""Families of components that a config selects by name, and components from outside the package.

A family is a dict from names to members, such as `ROUTERS` or `SEARCHES`. Instead of a name, a
config may give an import path such as `my_package.MyRouter` or `my_package.routers.MyRouter`, so
that a user's own component needs no change of this package.
"""

import importlib
from collections.abc import Mapping
from typing import Any, TypeVar

from moeasr.errors import InputError, did_you_mean

MemberT = TypeVar("MemberT")


def look_up(family: Mapping[str, MemberT], name: str, kind: type) -> MemberT:
    """Return the member of a family that a name or an import path selects.

    An imported object is checked before it is used: a config may import from any installed module,
    but only objects of the right kind.

    Args:
        family: Members by name.
        name: A name in the family, or an import path.
        kind: Class of which members are subclasses or instances.

    Raises:
        InputError: The name is unknown, the path cannot be imported, or the imported object is not
            of the required kind.
    """
    if name in family:
        return family[name]
    if not is_import_path(name):
        nearest = did_you_mean(name, family) or ";"
        raise InputError(f"'{name}' is unknown{nearest} known names: {', '.join(family)}")
    member = _import(name)
    is_subclass = isinstance(member, type) and issubclass(member, kind)
    if not (is_subclass or isinstance(member, kind)):
        raise InputError(f"'{name}' must be a {kind.__module__}.{kind.__qualname__}, but is not")
    return member


def is_import_path(name: str) -> bool:
    """Return whether a text has the form `package.Name` or `package.module.Name`."""
    parts = name.split(".")
    return len(parts) > 1 and all(part.isidentifier() for part in parts)


def joined_paths(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"a.b": x}` for `{"a": {"b": x}}`, for keys that may be import paths."""
    joined: dict[str, Any] = {}
    for key, value in mapping.items():
        parts = joined_paths(value) if isinstance(value, Mapping) and value else {"": value}
        joined |= {f"{key}.{rest}" if rest else str(key): item for rest, item in parts.items()}
    return joined


def _import(path: str) -> Any:
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a module of the user's may raise anything
        reason = f"{type(error).__name__}: {error}"
        is_absent = isinstance(error, ModuleNotFoundError) and error.name == module_name
        advice = "; add its directory to PYTHONPATH" if is_absent else ""
        raise InputError(f"'{path}' cannot be imported: {reason}{advice}") from error
    try:
        return getattr(module, name)
    except AttributeError:
        raise InputError(f"'{path}' cannot be imported: {module_name} has no {name}") from None
