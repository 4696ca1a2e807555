"""Command-line options generated from a dataclass, so that each setting is defined only once.

Every field becomes an option. Its name has dashes, its type is that of the field, and its help is
the docstring under the field. An option that is not given is None in the namespace, whatever the
default of the field is.

    add_options(parser, DecodeConfig())
    given = given_options(parser.parse_args(["--beam-size", "4"]), DecodeConfig)
    given                                        {"beam_size": 4}
    with_given(DecodeConfig(), given)            DecodeConfig(beam_size=4)
"""

import argparse
import ast
import dataclasses
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar, Union

ConfigT = TypeVar("ConfigT")

FilePath = Annotated[str, "FILE"]
"""Type of a file path. The help shows an option of type `Annotated[..., "X"]` as `--name X`."""
Seconds = Annotated[float, "SEC"]


def add_options(parser: argparse.ArgumentParser, defaults: Any) -> None:
    """Add an option for each field of a dataclass.

    A field may be int, float, str, one of these `Annotated` with a metavar, a Literal, or the union
    of one of them with None. It may also be another dataclass, whose options form a group with the
    docstring of the class as heading.

    Args:
        parser: The parser that receives the options.
        defaults: An instance of the dataclass. The help shows its values as defaults.
    """
    groups: dict[type, argparse._ActionsContainer] = {type(defaults): parser}
    for owner, name, kind, value in _leaves(defaults):
        if owner not in groups:
            groups[owner] = parser.add_argument_group(
                _phrase(inspect.getdoc(owner).partition("\n")[0])
            )
        help_text = _phrase(field_docs(owner)[name])
        if value is not None:
            help_text += f" (default: {value})"
        groups[owner].add_argument(
            option_name(name), help=help_text.replace("%", "%%"), **_typed(name, kind)
        )


def given_options(args: argparse.Namespace, config: type) -> dict[str, Any]:
    """Return the values of the fields whose options were given, by field name.

    Args:
        args: The result of a parser with the options of `config`.
        config: The dataclass. A field that is itself a dataclass becomes a dictionary if any of its
            options were given.
    """
    return given_fields(vars(args), config)


def given_fields(values: Mapping[str, Any], config: type) -> dict[str, Any]:
    """Return the fields that have a value other than None, nested as in `given_options`.

    Args:
        values: Values by the name of the field, also those of a dataclass inside `config`.
        config: The dataclass.
    """
    given: dict[str, Any] = {}
    for name, kind in _fields(config):
        is_section = dataclasses.is_dataclass(kind)
        value = given_fields(values, kind) if is_section else values.get(name)
        if value is not None and not (is_section and value == {}):
            given[name] = value
    return given


def field_names(defaults: Any) -> list[str]:
    """Return the names of the fields of a dataclass instance, each of which is an option."""
    return [name for _, name, _, _ in _leaves(defaults)]


def with_given(defaults: ConfigT, given: Mapping[str, Any]) -> ConfigT:
    """Return a copy of the dataclass in which the values of `given_options` replace its own."""
    values = {
        name: with_given(getattr(defaults, name), value) if isinstance(value, dict) else value
        for name, value in given.items()
    }
    return dataclasses.replace(defaults, **values)


def option_name(field: str) -> str:
    """Return the option name of a field: `--beam-size` for `beam_size`."""
    return "--" + field.replace("_", "-")


def field_docs(config: type) -> dict[str, str]:
    """Return the docstring under each field of a dataclass, as one line."""
    docs: dict[str, str] = {}
    for owner in filter(dataclasses.is_dataclass, reversed(config.__mro__)):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        for statement, following in pairwise(tree.body):
            if isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr):
                docs[statement.target.id] = " ".join(ast.literal_eval(following.value).split())
    return docs


def _fields(config: type) -> Iterator[tuple[str, Any]]:
    """Yield the name of each field and its type without None."""
    hints = typing.get_type_hints(config, include_extras=True)
    for field in dataclasses.fields(config):
        kind = hints[field.name]
        if typing.get_origin(kind) in (Union, types.UnionType):
            (kind,) = (option for option in typing.get_args(kind) if option is not type(None))
        yield field.name, kind


def _leaves(defaults: Any) -> Iterator[tuple[type, str, Any, Any]]:
    """Yield the class, name, type and value of each field that is not itself a dataclass."""
    for name, kind in _fields(type(defaults)):
        value = getattr(defaults, name)
        if dataclasses.is_dataclass(kind):
            yield from _leaves(value)
        else:
            yield type(defaults), name, kind, value


def _typed(name: str, kind: Any) -> dict[str, Any]:
    """Return the arguments of `add_argument` that describe the value of an option."""
    if typing.get_origin(kind) is Literal:
        return {"choices": typing.get_args(kind)}
    if typing.get_origin(kind) is Annotated:
        return {**_typed(name, kind.__origin__), "metavar": kind.__metadata__[0]}
    metavars = {int: "N", float: "X", str: "TEXT"}
    if kind not in metavars:
        raise TypeError(f"field `{name}` cannot be an option: its type is {kind}")
    return {"type": kind, "metavar": metavars[kind]}


def _phrase(sentence: str) -> str:
    """Return a sentence as a help text, without its full stop and its first capital letter."""
    sentence = sentence.removesuffix(".")
    first = sentence.partition(" ")[0]
    is_acronym = len(first) > 1 and first.isupper()
    return sentence if is_acronym else sentence[:1].lower() + sentence[1:]
