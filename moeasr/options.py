"""Command-line options made from the fields of a dataclass, so that a setting is written once.

Every field becomes an option: its name with dashes, its type, and as help the docstring under it.
An option that is not given is None in the namespace, whatever the field's default.

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
"""The path of a file. An option of the type `Annotated[..., "X"]` is shown as `--name X`."""
Seconds = Annotated[float, "SEC"]


def add_options(parser: argparse.ArgumentParser, defaults: Any) -> None:
    """Add an option for each field of a dataclass.

    Fields may be int, float, str, one of these `Annotated` with a metavar, Literal, any of them or
    None, and other dataclasses, whose options form a group with the class's docstring as heading.

    Args:
        parser: Where they are added.
        defaults: An instance, whose values the help shows as defaults.
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
    """Return the fields whose options were given, with their values.

    Args:
        args: Of a parser with the options of `config`.
        config: The dataclass. A field that is a dataclass itself is there as a dictionary, if any
            of its options were given.
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
    """Return the dataclass with the values of `given_options` in the place of its own."""
    values = {
        name: with_given(getattr(defaults, name), value) if isinstance(value, dict) else value
        for name, value in given.items()
    }
    return dataclasses.replace(defaults, **values)


def option_name(field: str) -> str:
    """Return the option of a field: `--beam-size` of `beam_size`."""
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
    """Names of the fields, and their types without None."""
    hints = typing.get_type_hints(config, include_extras=True)
    for field in dataclasses.fields(config):
        kind = hints[field.name]
        if typing.get_origin(kind) in (Union, types.UnionType):
            (kind,) = (option for option in typing.get_args(kind) if option is not type(None))
        yield field.name, kind


def _leaves(defaults: Any) -> Iterator[tuple[type, str, Any, Any]]:
    """Class, name, type and value of each field that is no dataclass itself."""
    for name, kind in _fields(type(defaults)):
        value = getattr(defaults, name)
        if dataclasses.is_dataclass(kind):
            yield from _leaves(value)
        else:
            yield type(defaults), name, kind, value


def _typed(name: str, kind: Any) -> dict[str, Any]:
    """Return the arguments of `add_argument` that say what an option takes."""
    if typing.get_origin(kind) is Literal:
        return {"choices": typing.get_args(kind)}
    if typing.get_origin(kind) is Annotated:
        return {**_typed(name, kind.__origin__), "metavar": kind.__metadata__[0]}
    metavars = {int: "N", float: "X", str: "TEXT"}
    if kind not in metavars:
        raise TypeError(f"field `{name}` cannot be an option: its type is {kind}")
    return {"type": kind, "metavar": metavars[kind]}


def _phrase(sentence: str) -> str:
    """Return a sentence as a help text: without its full stop and its first capital letter."""
    sentence = sentence.removesuffix(".")
    first = sentence.partition(" ")[0]
    is_acronym = len(first) > 1 and first.isupper()
    return sentence if is_acronym else sentence[:1].lower() + sentence[1:]
