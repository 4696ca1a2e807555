"""Families: members by name, and by import path."""

import importlib
import sys
from dataclasses import dataclass
from typing import Annotated

import pytest

from moeasr.config import OneOf, from_mapping
from moeasr.errors import InputError
from moeasr.families import joined_paths, look_up


class Dog:
    """A member that the family knows by name."""


ANIMALS = {"dog": Dog}


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A package `zoo` of a user on Python's path; return the class of its members."""
    (tmp_path / "zoo").mkdir()
    text = "class Animal: pass\nclass Cat(Animal): pass\ncat = Cat()\nstone = 1\n"
    (tmp_path / "zoo" / "__init__.py").write_text(text)
    (tmp_path / "zoo" / "broken.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("zoo").Animal
    sys.modules.pop("zoo", None)


def test_members_are_found_by_name(zoo):
    assert look_up(ANIMALS, "dog", zoo) is Dog


def test_members_outside_are_found_by_import_path(zoo):
    assert look_up(ANIMALS, "zoo.Cat", zoo).__name__ == "Cat"
    assert isinstance(look_up(ANIMALS, "zoo.cat", zoo), zoo)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dgo", "'dgo' is unknown; did you mean 'dog'? known names: dog"),
        ("zoo.Dog", "'zoo.Dog' cannot be imported: zoo has no Dog"),
        ("zoo.stone", "'zoo.stone' must be a zoo.Animal, but is not"),
        ("os.system", "'os.system' must be a zoo.Animal, but is not"),
        ("zoo.broken.Cat", "No module named 'no_such_module'"),
        ("nowhere.Cat", "No module named 'nowhere'; add its directory to PYTHONPATH"),
    ],
)
def test_what_is_no_member_is_refused_with_the_reason(zoo, name, message):
    with pytest.raises(InputError) as caught:
        look_up(ANIMALS, name, zoo)
    assert message in str(caught.value)
    assert ("PYTHONPATH" in str(caught.value)) == (name == "nowhere.Cat")


def test_a_config_knows_import_paths_where_its_family_says_what_members_are(zoo):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        pet: Annotated[str, OneOf(ANIMALS, zoo)] = "dog"
        name_only: Annotated[str, OneOf(ANIMALS)] = "dog"

    assert from_mapping(Config, {"pet": "zoo.Cat"}, "f.yaml") == Config(pet="zoo.Cat")
    with pytest.raises(InputError, match="f.yaml: in 'pet': 'zoo.Rat' cannot be imported"):
        from_mapping(Config, {"pet": "zoo.Rat"}, "f.yaml")
    with pytest.raises(InputError, match="'name_only' must be one of dog, but is 'zoo.Cat'"):
        from_mapping(Config, {"name_only": "zoo.Cat"}, "f.yaml")


def test_nested_keys_are_joined():
    nested = {"z": 1, "my_parts": {"losses": {"own": 2}, "other": 3}, "empty": {}}
    expected = {"z": 1, "my_parts.losses.own": 2, "my_parts.other": 3, "empty": {}}
    assert joined_paths(nested) == expected
