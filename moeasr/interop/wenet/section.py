"""One section of a train.yaml, with checks of required values and unknown keys."""

from collections.abc import Mapping
from typing import Any

from moeasr.config import read_flag
from moeasr.errors import InputError, did_you_mean
from moeasr.yaml_text import quote_yaml


class Section:
    """The keys and values of a section, from which every known key is read exactly once.

    Args:
        source: The file's name, for messages.
        prefix: Dotted path of the section, "" for the whole file.
        values: Content of the section, or None if it is missing.

    Raises:
        InputError: `values` is not a section.
    """

    def __init__(self, source: str, prefix: str, values: Any) -> None:
        self.source = source
        self.prefix = prefix
        if not isinstance(values, (Mapping, type(None))):
            found = quote_yaml(values)
            raise InputError(f"{source}: '{prefix}' must be a section of keys, but is {found}")
        self._rest = dict(values or {})

    def name(self, key: str) -> str:
        """Return the dotted path of a key."""
        return f"{self.prefix}.{key}" if self.prefix else key

    def has(self, key: str) -> bool:
        """Return whether the section has a key that has not been read yet."""
        return key in self._rest

    def section(self, key: str) -> "Section":
        """Read a subsection."""
        return Section(self.source, self.name(key), self._rest.pop(key, None))

    def number(self, key: str, default: float | None, at_least: float = 0) -> Any:
        """Read a number: a float if the default is a float, otherwise an integer.

        The default None means that the key is required.
        """
        if default is None and not self.has(key):
            raise InputError(f"{self.source}: key '{self.name(key)}' is missing")
        value = self.value(key, default)
        wanted = "a number" if isinstance(default, float) else "an integer"
        kinds = (int, float) if isinstance(default, float) else (int,)
        if isinstance(value, bool) or not isinstance(value, kinds) or value < at_least:
            raise InputError(
                f"{self.source}: '{self.name(key)}' must be {wanted} of at least {at_least}, "
                f"but is {quote_yaml(value)}"
            )
        return float(value) if isinstance(default, float) else value

    def flag(self, key: str, default: bool) -> bool:
        """Read a truth value."""
        value = self.value(key, default)
        flag = read_flag(value)
        if flag is None:
            raise InputError(
                f"{self.source}: '{self.name(key)}' must be true or false, "
                f"but is {quote_yaml(value)}"
            )
        return flag

    def value(self, key: str, default: Any) -> Any:
        """Read a value of any type."""
        return self._rest.pop(key, default)

    def choice(self, key: str, default: Any, allowed: Mapping[Any, Any]) -> Any:
        """Read a value and return its entry in `allowed`.

        Raises:
            InputError: The value has no entry, so it selects a component that is not supported.
        """
        value = self.value(key, default)
        try:
            return allowed[value]
        except (KeyError, TypeError):
            known = " or ".join(quote_yaml(name) for name in allowed)
            raise InputError(
                f"{self.source}: '{self.name(key)}' is {quote_yaml(value)}, but moeasr supports "
                f"only {known}{did_you_mean(value, map(str, allowed))}"
            ) from None

    def require(self, key: str, default: Any, allowed: Any) -> None:
        """Raise `InputError` unless the value is `allowed`, the only supported one."""
        self.choice(key, default, {allowed: None})

    def require_number(self, key: str, default: float, allowed: float) -> None:
        """Raise `InputError` unless the number is `allowed`, the only supported one."""
        value = self.number(key, default)
        self._rest[key] = value
        self.require(key, default, allowed)

    def ignore(self, *keys: str) -> None:
        """Skip keys that affect only training or nothing."""
        for key in keys:
            self._rest.pop(key, None)

    def finish(self) -> None:
        """Raise `InputError` with the name of the first key that has not been read, if any."""
        if self._rest:
            key = next(iter(self._rest))
            raise InputError(
                f"{self.source}: key '{self.name(key)}' is unknown, so the imported model could "
                "differ from WeNet's; remove the key if it has no effect"
            )
