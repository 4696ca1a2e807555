"""One section of a train.yaml: what is read of it, what must be so, what is not known."""

from collections.abc import Mapping
from typing import Any

from moeasr.config import read_flag
from moeasr.errors import InputError
from moeasr.families import did_you_mean


class Section:
    """Keys and values of a section; every key is asked for once, or is unknown.

    Args:
        source: The file's name, for messages.
        prefix: Dotted path of the section, "" for the whole file.
        values: What the file says, or None for a section that is not there.

    Raises:
        InputError: It is not a section.
    """

    def __init__(self, source: str, prefix: str, values: Any) -> None:
        self.source = source
        self.prefix = prefix
        if not isinstance(values, (Mapping, type(None))):
            raise InputError(f"{source}: '{prefix}' must be a section of keys, but is {values!r}")
        self._rest = dict(values or {})

    def name(self, key: str) -> str:
        """The dotted path of a key."""
        return f"{self.prefix}.{key}" if self.prefix else key

    def has(self, key: str) -> bool:
        """Return whether the section holds a key that nothing has asked for yet."""
        return key in self._rest

    def section(self, key: str) -> "Section":
        """A section within."""
        return Section(self.source, self.name(key), self._rest.pop(key, None))

    def number(self, key: str, default: float | None, at_least: float = 0) -> Any:
        """An integer if the default is one, or None for a key that must be there; else a float."""
        value = self.value(key, default)
        wanted = "a number" if isinstance(default, float) else "an integer"
        kinds = (int, float) if isinstance(default, float) else (int,)
        if isinstance(value, bool) or not isinstance(value, kinds) or value < at_least:
            raise InputError(
                f"{self.source}: '{self.name(key)}' must be {wanted} of at least {at_least}, "
                f"but is {value!r}"
            )
        return float(value) if isinstance(default, float) else value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.value(key, default)
        flag = read_flag(value)
        if flag is None:
            raise InputError(
                f"{self.source}: '{self.name(key)}' must be true or false, but is {value!r}"
            )
        return flag

    def value(self, key: str, default: Any) -> Any:
        """Any value."""
        return self._rest.pop(key, default)

    def choice(self, key: str, default: Any, allowed: Mapping[Any, Any]) -> Any:
        """What `allowed` holds for the value.

        Raises:
            InputError: It holds nothing for it: a part of WeNet that has no counterpart here.
        """
        value = self.value(key, default)
        try:
            return allowed[value]
        except (KeyError, TypeError):
            known = " or ".join(repr(name) for name in allowed)
            raise InputError(
                f"{self.source}: '{self.name(key)}' is {value!r}, which has no counterpart here; "
                f"only {known} has{did_you_mean(value, map(str, allowed))}"
            ) from None

    def require(self, key: str, default: Any, allowed: Any) -> None:
        """Make sure of the one value that can be expressed."""
        self.choice(key, default, {allowed: None})

    def require_number(self, key: str, default: float, allowed: float) -> None:
        """Raise `InputError` unless the number is the only one that can be expressed."""
        value = self.number(key, default)
        self._rest[key] = value
        self.require(key, default, allowed)

    def ignore(self, *keys: str) -> None:
        """Keys that concern training only, or nothing."""
        for key in keys:
            self._rest.pop(key, None)

    def finish(self) -> None:
        """Make sure that nothing is left.

        Raises:
            InputError: Naming an unknown key.
        """
        if self._rest:
            key = next(iter(self._rest))
            raise InputError(
                f"{self.source}: '{self.name(key)}' is not known: whatever it changes would be lost"
            )
