"""Configuration: every fault is one sentence with file, dotted path and nearest key."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest

from moeasr.config import apply_overrides, from_mapping, load_yaml, to_mapping
from moeasr.errors import InputError
from moeasr.yaml_text import dump_yaml


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: int = 3
    rate: float = 0.5
    kind: Literal["a", "b"] = "a"

    def __post_init__(self):
        if self.size < 1:
            raise InputError(f"`size` must be at least 1, but is {self.size}")


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    flag: bool = False
    limit: int | None = None
    sizes: tuple[int, ...] = (1, 2)
    inner: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class Either:
    size: int | Inner = 3


def test_a_key_may_be_a_value_or_a_section():
    name = "rate"
    assert from_mapping(Either, {"size": 4}, "f") == Either(4)
    section = to_mapping(Inner())
    assert from_mapping(Either, {"size": section}, "f") == Either(Inner())
    assert to_mapping(Either(Inner())) == {"size": section}
    with pytest.raises(InputError, match="f: 'size' must be an integer, but is 'x'"):
        from_mapping(Either, {"size": "x"}, "f")
    with pytest.raises(InputError, match=f"f: unknown key 'size.{name}x'"):
        from_mapping(Either, {"size": {name + "x": 1}}, "f")


def test_yaml_becomes_nested_dataclasses_and_back():
    mapping = {"name": "x", "limit": 4, "sizes": [5], "inner": {"rate": 1, "kind": "b"}}
    config = from_mapping(Outer, mapping, "f.yaml")
    assert config == Outer(name="x", limit=4, sizes=(5,), inner=Inner(rate=1.0, kind="b"))
    assert from_mapping(Outer, to_mapping(config), "again") == config


def test_a_key_may_be_a_keyword_of_python():
    @dataclass(frozen=True, kw_only=True)
    class Start:
        from_: str | None = None

    assert from_mapping(Start, {"from": "x"}, "f.yaml") == Start(from_="x")
    assert to_mapping(Start(from_="x")) == {"from": "x"}
    with pytest.raises(InputError, match="unknown key 'from_'; did you mean 'from'"):
        from_mapping(Start, {"from_": "x"}, "f.yaml")


def test_an_annotation_for_others_changes_nothing():
    @dataclass(frozen=True, kw_only=True)
    class Noted:
        path: Annotated[str, "FILE"] | None = None

    assert from_mapping(Noted, {"path": "x"}, "f.yaml") == Noted(path="x")
    with pytest.raises(InputError, match="f.yaml: 'path' must be text, but is 5"):
        from_mapping(Noted, {"path": 5}, "f.yaml")


def test_yes_and_no_are_flags_where_a_flag_is_wanted_and_words_elsewhere():
    """A list of languages may hold Norwegian, which YAML 1.1 takes for false."""
    mapping = apply_overrides({}, ["flag=Yes", "name=no"])
    assert from_mapping(Outer, mapping, "--set") == Outer(name="no", flag=True)
    with pytest.raises(InputError, match="'limit' must be an integer, but is 'yes'"):
        from_mapping(Outer, {"name": "x", "limit": "yes"}, "--set")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"name": "x", "iner": {}}, "f.yaml: unknown key 'iner'; did you mean 'inner'?"),
        (
            {"name": "x", "inner": {"sise": 1}},
            "unknown key 'inner.sise'; did you mean 'inner.size'",
        ),
        ({}, "f.yaml: key 'name' is missing"),
        ({"name": 5}, "'name' must be text, but is 5"),
        ({"name": "x", "flag": 1}, "'flag' must be true or false, but is 1"),
        ({"name": "x", "limit": True}, "'limit' must be an integer, but is true"),
        ({"name": "x", "limit": 1.5}, "'limit' must be an integer, but is 1.5"),
        ({"name": "x", "sizes": 3}, "'sizes' must be a list, but is 3"),
        ({"name": "x", "sizes": [1, "y"]}, r"'sizes\[1\]' must be an integer"),
        ({"name": "x", "inner": {"kind": "c"}}, "'inner.kind' must be 'a' or 'b', but is 'c'"),
        ({"name": "x", "inner": {"kind": "bb"}}, "but is 'bb'; did you mean 'b'?"),
        ({"name": "x", "inner": {"rate": "0.5"}}, "'inner.rate' must be a number, but is '0.5'"),
        ({"name": "x", "inner": {"rate": 10**400}}, "'inner.rate' must be a smaller number"),
        ({"name": "x", "inner": {"rate": True}}, "'inner.rate' must be a number, but is true"),
        ({"name": True}, "'name' must be text, but is true"),
        ({"name": "x", "inner": {"size": None}}, "'inner.size' must be an integer, but is null"),
        ({"name": "x", "inner": {"rate": "fast"}}, "'inner.rate' must be a number"),
        ({"name": "x", "inner": 3}, "'inner' must be a section of keys, but is 3"),
        ({"name": "x", "inner": {"size": 0}}, "in 'inner': `size` must be at least 1, but is 0"),
    ],
)
def test_every_fault_names_file_path_and_nearest_key(mapping, message):
    with pytest.raises(InputError, match=message):
        from_mapping(Outer, mapping, "f.yaml")


def test_overrides_win_and_leave_the_original_alone():
    mapping = {"name": "x", "inner": {"size": 1}}
    result = apply_overrides(mapping, ["inner.size=7", "limit=null", "new.key=[1, 2]"])
    assert result == {"name": "x", "inner": {"size": 7}, "limit": None, "new": {"key": [1, 2]}}
    assert mapping == {"name": "x", "inner": {"size": 1}}


@pytest.mark.parametrize(
    "override", ["size", "=3", "a..b=1", "name.x=1", "a=[1", "a={b: 1, b: 2}", "a={[1]: 2}"]
)
def test_a_malformed_override_is_refused_by_its_text(override):
    with pytest.raises(InputError, match="--set"):
        apply_overrides({"name": "x"}, [override])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1", "not valid YAML"),
        ("- 1\n- 2\n", "must contain `key: value` lines"),
        ("a: 1\nb: 2\na: 3\n", "line 3: key 'a' is repeated; it is first defined in line 1"),
        ("a: {b: 1, c: 2,\n    b: 3}\n", "line 2: key 'b' is repeated"),
        ("a: 1\n[b]: 2\n", "line 2: a key must be text, not a list"),
        ("a: " + 5000 * "1", "line 1: 1+... is not an integer"),
        ("a: " + 5000 * "[", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_config_is_named(tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        load_yaml(path)
    assert "bad.yaml" in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match="nowhere.yaml does not exist"):
        load_yaml("nowhere.yaml")


def test_yaml_anchors_and_an_empty_file_work(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: &x {b: 1}\nc: *x\n")
    assert load_yaml(path) == {"a": {"b": 1}, "c": {"b": 1}}
    path.write_text("")
    assert load_yaml(path) == {}


def test_dumped_yaml_reads_back(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(dump_yaml({"b": 1, "a": [1.5, None, "x"]}), encoding="utf-8")
    assert load_yaml(path) == {"b": 1, "a": [1.5, None, "x"]}
