"""Options made from the fields of a dataclass."""

import argparse
from dataclasses import dataclass
from typing import Literal

import pytest

from moeasr.errors import InputError
from moeasr.options import (
    FilePath,
    Seconds,
    add_options,
    field_docs,
    field_names,
    given_fields,
    given_options,
    with_given,
)


@dataclass(frozen=True)
class Inner:
    """A nested section.

    More about it.
    """

    path: FilePath | None = None
    """A file."""
    wait: Seconds = 1.5
    """Pause between two attempts."""


@dataclass(frozen=True)
class Outer:
    """Some settings."""

    num_items: int = 3
    """Items of
    each kind, 100 % of them."""
    kind: Literal["soft", "hard"] = "soft"
    """CTC or whatever."""
    share: float | None = None
    """Share of it."""
    name: str = "x"
    """Name."""

    inner: Inner = Inner()
    """A section."""

    def __post_init__(self) -> None:
        """Check a range."""
        if self.num_items < 0:
            raise InputError("`num_items` must not be negative")


def parse(*words, defaults=None):
    parser = argparse.ArgumentParser()
    add_options(parser, defaults or Outer())
    return given_options(parser.parse_args(words), Outer)


def test_only_what_was_given_is_returned_with_its_type():
    assert parse() == {}
    assert parse("--num-items", "0", "--share=0", "--kind", "hard", "--name", "7") == {
        "num_items": 0,
        "kind": "hard",
        "share": 0.0,
        "name": "7",
    }
    assert parse("--num-items", "-4") == {"num_items": -4}
    assert parse("--path", "a.txt", "--wait", "2") == {"inner": {"path": "a.txt", "wait": 2.0}}


def test_what_was_given_takes_the_place_of_the_defaults():
    defaults = Outer(name="y", inner=Inner(path="p"))
    given = parse("--share", "0.5", "--wait", "3", defaults=defaults)
    assert with_given(defaults, given) == Outer(share=0.5, name="y", inner=Inner("p", 3.0))
    assert with_given(defaults, {}) == defaults
    with pytest.raises(InputError, match="`num_items` must not be negative"):
        with_given(defaults, parse("--num-items", "-1"))


@pytest.mark.parametrize(
    "words", [("--num-items", "two"), ("--num-items", "1.5"), ("--kind", "x"), ("--wait", "x")]
)
def test_values_of_another_type_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        parse(*words)
    assert f"argument {words[0]}: invalid" in capsys.readouterr().err


def test_the_help_is_the_docstring_of_the_field():
    parser = argparse.ArgumentParser()
    add_options(parser, Outer(name="z"))
    text = " ".join(parser.format_help().split())
    for part in (
        "--num-items N items of each kind, 100 % of them (default: 3)",
        "--kind {soft,hard} CTC or whatever (default: soft)",
        "--share X share of it --name TEXT name (default: z)",
        "a nested section: --path FILE a file --wait SEC pause between two attempts (default: 1.5)",
    ):
        assert part in text


def test_a_field_that_no_option_can_set_and_one_without_a_docstring_are_faults():
    @dataclass
    class Odd:
        """Odd."""

        many: tuple[int, ...] = ()
        """Numbers."""

    @dataclass
    class Mute:
        """Mute."""

        x: int = 1

    with pytest.raises(TypeError, match=r"field `many` cannot be an option: its type is tuple"):
        add_options(argparse.ArgumentParser(), Odd())
    with pytest.raises(KeyError, match="x"):
        add_options(argparse.ArgumentParser(), Mute())


def test_a_derived_class_has_the_docstrings_of_its_base():
    @dataclass(frozen=True)
    class Wider(Inner):
        """Wider."""

        width: int = 1
        """Its width."""

    assert field_docs(Wider) == {
        "path": "A file.",
        "wait": "Pause between two attempts.",
        "width": "Its width.",
    }


def test_fields_of_an_inner_dataclass_are_found_by_their_name():
    values = {"num_items": 2, "wait": 1.5, "kind": None, "other": 7}
    assert given_fields(values, Outer) == {"num_items": 2, "inner": {"wait": 1.5}}
    assert field_names(Outer()) == ["num_items", "kind", "share", "name", "path", "wait"]
