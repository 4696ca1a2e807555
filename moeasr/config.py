"""Configuration: YAML files and `--set a.b=value` overrides as frozen dataclasses, and back.

Order of precedence: defaults of the dataclass < YAML file < `--set`. Every error is an `InputError`
that names the file, the dotted path of the key, and the nearest existing key. The config of an
experiment may have a base, see `moeasr.config_bases`.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union

from moeasr.config_roles import key_of
from moeasr.errors import InputError, did_you_mean
from moeasr.families import is_import_path, joined_paths, look_up
from moeasr.logs import get_logger
from moeasr.yaml_text import YamlError, parse_yaml, quote_yaml

ConfigT = TypeVar("ConfigT")
FLAGS = {"yes": True, "on": True, "no": False, "off": False}
"""Words that mean true or false in YAML 1.1."""


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Annotation of a field that names a member of a family: `Annotated[str, OneOf(ROUTERS)]`.

    Members that are added to the family later are accepted as well.
    """

    family: Mapping[str, Any]
    kind: type | None = None
    """Class of the members, see `moeasr.families.look_up`. With it, import paths are accepted."""


@dataclasses.dataclass(frozen=True, eq=False)  # so that `X | None` can hash it
class OneOfTypes:
    """Annotation of a section whose key `type` selects one dataclass of a family.

    If `type` is given, keys of the other types are ignored, so that changing `type` alone switches
    between them. A warning names the ignored keys whose value is not the default. If `type` is not
    given, such a key is refused, because the section was probably meant to be of its type.
    """

    family: Mapping[str, type]
    kind: type
    """Base class of the members, see `moeasr.families.look_up`. Each member has a field `type`."""
    default: str | None = None
    """The type of a section without the key `type`; None if the key is required."""


def load_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises:
        InputError: The file is missing, not YAML, not a mapping, or repeats a key.
    """
    try:
        with open(path, encoding="utf-8") as handle:
            content = parse_yaml(handle)
    except FileNotFoundError:
        raise InputError(f"config file {path} does not exist") from None
    except YamlError as error:
        raise InputError(f"config file {path} is not valid YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"config file {path} must contain `key: value` lines")
    return content


def apply_overrides(mapping: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a copy of `mapping` in which each `a.b=value` of `overrides` is set.

    Values are read as YAML, so `train.max_epochs=2` is an integer and `x=null` is None. Unknown
    keys are detected later, by `from_mapping`.
    """
    result = _copy(mapping)
    for override in overrides:
        path, separator, text = override.partition("=")
        keys = path.strip().split(".")
        if not separator or not all(keys):
            raise InputError(f"`--set {override}` must have the form a.b=value")
        node = result
        for depth, key in enumerate(keys[:-1]):
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                section = ".".join(keys[: depth + 1])
                raise InputError(f"`--set {override}`: `{section}` is not a section of keys")
        try:
            node[keys[-1]] = parse_yaml(text)
        except YamlError as error:
            raise InputError(f"`--set {override}`: the value is not YAML: {error}") from None
    return result


def from_mapping(cls: type[ConfigT], mapping: Mapping[str, Any], source: str | Path) -> ConfigT:
    """Build the dataclass `cls` from nested mappings, checking every key and type.

    Args:
        cls: A frozen dataclass; its fields may be bool, int, float, str, Literal, tuple[X, ...],
            dict[str, X], `X | None`, `X | Y` for a value or a section, `Annotated[str,
            OneOf(family)]`, other dataclasses, and `Annotated[X, OneOfTypes(family, X)]`. One text
            may stand for a list of one text.
        mapping: The content of the YAML file.
        source: The file's name, for messages.

    Raises:
        InputError: A key or value is wrong. The message names `source`, the dotted path and, for
            an unknown key, the nearest known key.
    """
    return _convert(cls, mapping, str(source), "")


def to_mapping(config: Any) -> dict[str, Any]:
    """Return a dataclass as a nested mapping of plain values, as YAML and checkpoints store it."""
    return {key_of(f): _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def read_flag(value: Any) -> bool | None:
    """Return the truth value of a boolean or of yes, no, on and off; None for anything else."""
    if isinstance(value, str):
        return FLAGS.get(value.lower())
    return value if isinstance(value, bool) else None


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return list(value) if isinstance(value, (list, tuple)) else value


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _convert(kind: Any, value: Any, source: str, path: str) -> Any:
    """Return `value` as an instance of `kind`, or raise an `InputError` at `source: path`."""
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _convert_section(kind, value, source, path)
    if origin in (Union, types.UnionType):
        return _convert_optional(kind, value, source, path)
    if origin is Literal:
        choices = typing.get_args(kind)
        if value in choices:
            return value
        wrong = _wrong(source, path, " or ".join(repr(choice) for choice in choices), value)
        raise InputError(f"{wrong}{did_you_mean(value, map(str, choices))}")
    if origin is Annotated:
        marks = [mark for mark in kind.__metadata__ if isinstance(mark, OneOf | OneOfTypes)]
        if not marks:  # a note for others, such as the metavar of an option
            return _convert(kind.__origin__, value, source, path)
        (mark,) = marks
        if isinstance(mark, OneOfTypes):
            return _convert_typed(mark, value, source, path)
        _check_member(mark, value, source, path)
        return value
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _wrong(source, path, "a section of keys", value)
        _, item_kind = typing.get_args(kind)
        if item_kind is float:  # --set of a key that is an import path
            value = joined_paths(value)
        return {
            str(key): _convert(item_kind, item, source, f"{path}.{key}")
            for key, item in value.items()
        }
    if origin is tuple:
        item_kind = typing.get_args(kind)[0]
        items = [value] if item_kind is str and isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            raise _wrong(source, path, "a list", value)
        return tuple(
            _convert(item_kind, item, source, f"{path}[{i}]") for i, item in enumerate(items)
        )
    return _convert_scalar(kind, value, source, path)


def _check_member(mark: OneOf | OneOfTypes, value: Any, source: str, path: str) -> None:
    """Raise `InputError` unless a name is a member of the family or an accepted import path."""
    if isinstance(value, str) and value in mark.family:
        return
    if isinstance(value, str) and mark.kind is not None and is_import_path(value):
        try:
            look_up(mark.family, value, mark.kind)
        except InputError as error:
            raise InputError(f"{source}: in '{path}': {error}") from None
        return
    wrong = _wrong(source, path, f"one of {', '.join(mark.family)}", value)
    raise InputError(f"{wrong}{did_you_mean(value, mark.family)}")


def _convert_typed(mark: OneOfTypes, value: Any, source: str, path: str) -> Any:
    """Return a section as an instance of the dataclass that its `type` selects."""
    if not isinstance(value, Mapping):
        raise _wrong(source, path, "a section of keys", value)
    name, prefix = value.get("type", mark.default), f"{path}." if path else ""
    if name is None and "type" not in value:
        raise InputError(
            f"{source}: key '{prefix}type' is missing; choose one of {', '.join(mark.family)}"
        )
    _check_member(mark, name, source, f"{prefix}type")
    cls = look_up(mark.family, name, mark.kind)
    own = {field.name for field in dataclasses.fields(cls)}
    kept: dict[str, Any] = {"type": name}
    for key, item in value.items():
        others = [
            (other, field)
            for other, member in mark.family.items()
            for field in dataclasses.fields(member)
            if field.name == key
        ]
        if key in own or not others:
            kept[key] = item
            continue
        owner, field = others[0]
        if "type" not in value:
            raise InputError(
                f"{source}: '{prefix}{key}' belongs to `type: {owner}`, but '{path}' has no `type` "
                f"and is therefore of the default type, {name}"
            )
        if item != _plain(field.default):
            get_logger(__name__).warning(
                "%s: '%s%s' has no effect with `type: %s`: it belongs to `type: %s`",
                *(source, prefix, key, name, owner),
            )
    return _convert_section(cls, kept, source, path)


def _convert_section(cls: type, value: Any, source: str, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(source, path, "a section of keys", value)
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {key_of(field): field for field in dataclasses.fields(cls)}
    prefix = f"{path}." if path else ""
    for key in value:
        if key not in fields:
            nearest = did_you_mean(f"{prefix}{key}", [prefix + name for name in fields])
            raise InputError(
                f"{source}: unknown key '{prefix}{key}'{nearest or ';'} "
                f"known here: {', '.join(fields)}"
            )
    for name, field in fields.items():
        required = field.default is field.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise InputError(f"{source}: key '{prefix}{name}' is missing")
    arguments = {
        fields[key].name: _convert(hints[fields[key].name], item, source, f"{prefix}{key}")
        for key, item in value.items()
    }
    try:
        return cls(**arguments)
    except InputError as error:  # raised by a range check of the dataclass
        where = f"{source}: in '{path}'" if path else source
        raise InputError(f"{where}: {error}") from None


def _convert_optional(kind: Any, value: Any, source: str, path: str) -> Any:
    kinds = [option for option in typing.get_args(kind) if option is not type(None)]
    if value is None and len(kinds) < len(typing.get_args(kind)):
        return None
    if len(kinds) == 2:  # a plain value, or a section
        kinds = [k for k in kinds if dataclasses.is_dataclass(k) == isinstance(value, Mapping)]
    if len(kinds) != 1:
        raise TypeError(f"config field {path}: this union is not supported")
    return _convert(kinds[0], value, source, path)


def _convert_scalar(kind: Any, value: Any, source: str, path: str) -> Any:
    # bool is a subclass of int in Python, and `max_epochs: true` must not mean 1.
    is_bool = isinstance(value, bool)
    if kind is bool and read_flag(value) is not None:
        return read_flag(value)
    if kind is int and isinstance(value, int) and not is_bool:
        return value
    if kind is float and isinstance(value, (int, float)) and not is_bool:
        try:
            return float(value)
        except OverflowError:
            raise _wrong(source, path, "a smaller number", value) from None
    if kind is str and isinstance(value, str):
        return value
    names = {bool: "true or false", int: "an integer", float: "a number", str: "text"}
    raise _wrong(source, path, names.get(kind, str(kind)), value)


def _wrong(source: str, path: str, wanted: str, value: Any) -> InputError:
    return InputError(f"{source}: '{path}' must be {wanted}, but is {quote_yaml(value)}")
