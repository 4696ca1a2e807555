"""Families of parts that a config chooses by name, and parts from outside the package.

A family is one dict from names to members, beside what it is made of: `ROUTERS`, `SEARCHES` and
their like. Where a config names a member, it may also give an import path, `my_package.MyRouter`
or `my_package.routers.MyRouter`: a part of one's own then needs no change of this package.
"""

import difflib
import importlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from moeasr.errors import InputError

MemberT = TypeVar("MemberT")


def look_up(family: Mapping[str, MemberT], name: str, kind: type) -> MemberT:
    """Return the member of a family that a name or an import path stands for.

    What an import path leads to is checked before it is used: a config may name modules that are
    installed, but only parts that are meant to be such members.

    Args:
        family: Members by name.
        name: One of its names, or an import path.
        kind: What members are: subclasses of this class, or instances of it.

    Raises:
        InputError: There is no such name, nothing can be imported from the path, or it leads to
            something of another kind.
    """
    if name in family:
        return family[name]
    if not is_import_path(name):
        nearest = did_you_mean(name, family) or ";"
        raise InputError(f"'{name}' is unknown{nearest} there are: {', '.join(family)}")
    member = _import(name)
    is_subclass = isinstance(member, type) and issubclass(member, kind)
    if not (is_subclass or isinstance(member, kind)):
        raise InputError(f"'{name}' is no {kind.__module__}.{kind.__qualname__}, but must be one")
    return member


def is_import_path(name: str) -> bool:
    """Return whether a text has the form `package.Name` or `package.module.Name`."""
    parts = name.split(".")
    return len(parts) > 1 and all(part.isidentifier() for part in parts)


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` with the known name that is most like `name`, or nothing."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _import(path: str) -> Any:
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever goes wrong in a module of someone else
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"'{path}' cannot be imported: {reason}") from error
    try:
        return getattr(module, name)
    except AttributeError:
        raise InputError(f"'{path}' cannot be imported: {module_name} has no {name}") from None
