"""Settings given as keyword arguments, with the names of the command-line options."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from moeasr.config import from_mapping, to_mapping
from moeasr.config_bases import merge
from moeasr.errors import InputError, did_you_mean
from moeasr.options import field_names, given_fields

ConfigT = TypeVar("ConfigT")


def check_names(settings: Iterable[str], defaults: Iterable[Any], others: Iterable[str]) -> None:
    """Raise `InputError` unless every setting is a field of one of the dataclasses.

    Args:
        settings: The names of the settings.
        defaults: Instances of the dataclasses.
        others: Further keyword arguments, which the message may suggest.
    """
    known = [name for config in defaults for name in field_names(config)]
    for name in settings:
        if name not in known:
            nearest = did_you_mean(name, [*others, *known]) or ";"
            raise InputError(f"unknown setting '{name}'{nearest} there are: {', '.join(known)}")


def apply_settings(
    settings: Mapping[str, Any], defaults: ConfigT
) -> tuple[ConfigT, dict[str, Any]]:
    """Return a copy of a dataclass in which settings replace the defaults of its fields.

    Settings that are not fields of the dataclass are ignored.

    Args:
        settings: Values by name. None keeps the default.
        defaults: An instance of the dataclass.

    Returns:
        The new instance, and the given settings as a mapping that is nested like the dataclass.

    Raises:
        InputError: A value has the wrong type or is out of range.
    """
    values = {name: _plain(value) for name, value in settings.items()}
    given = given_fields(values, type(defaults))
    mapping = merge(to_mapping(defaults), given)
    try:
        return from_mapping(type(defaults), mapping, "settings"), given
    except InputError as error:
        sections = [name for name, value in given.items() if isinstance(value, Mapping)]
        message = str(error)
        for section in sections:  # the caller gave the name of the field alone
            message = message.replace(f"'{section}.", "'")
        raise InputError(message) from None


def _plain(value: Any) -> Any:
    """Convert a value as a YAML file would hold it: paths to text, NumPy's numbers to Python's."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if isinstance(value, np.generic) else value
