"""Scalars of YAML: what a person means by them, and not what YAML 1.1 makes of them."""

import math

import pytest
import yaml

from moeasr.yaml_text import SCALARS, parse_yaml, yaml_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),  # 8 in YAML 1.1
        ("08", 8),  # text in YAML 1.1
        ("-007", -7),
        ("0x10", 16),
        ("0o10", 8),
        ("0b11", "0b11"),
        ("1_000", 1000),
        ("2024_01", "2024_01"),
        ("1:30", "1:30"),  # 90 in YAML 1.1
        ("1:30.5", "1:30.5"),
        ("2024-01-01", "2024-01-01"),
        ("1e-3", 1e-3),  # text in YAML 1.1
        ("1E3", 1000.0),
        ("1.5e3", 1500.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("yes", "yes"),
        ("no", "no"),
        ("On", "On"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("=", "="),
        ("'010'", "010"),
        ("!!int '010'", 10),
        ("e5", "e5"),
        ("1e", "1e"),
    ],
)
def test_a_scalar_is_what_it_looks_like(text, value):
    found = parse_yaml(f"key: {text}")["key"]
    assert found == value and type(found) is type(value)


def test_not_a_number_is_read():
    assert math.isnan(parse_yaml("a: .nan")["a"])


TEXTS = ["010", "08", "1e-3", "1:30", "yes", "No", "0o7", "1_000", "", "~", "true", ".inf", "<<"]


@pytest.mark.parametrize("text", [*TEXTS, "2024-01-01", "a b", "x: y", "=", "ä"])
def test_text_is_written_so_that_every_reader_finds_it(text):
    """WeNet, for one, reads what is written here by the rules of YAML 1.1."""
    written = yaml_of({"key": text})
    assert parse_yaml(written) == yaml.safe_load(written) == {"key": text}


@pytest.mark.parametrize("value", [0.1, 1e-8, 1e22, 12, -3, True, None, math.inf, [1.0, "a"]])
def test_values_are_written_so_that_every_reader_finds_them(value):
    written = yaml_of({"key": value})
    assert parse_yaml(written) == yaml.safe_load(written) == {"key": value}


def test_merge_keys_work():
    assert parse_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}")["c"] == {"b": 1, "d": 2}


def test_texts_above_cover_every_kind_of_scalar():
    assert len({tag for tag, _, _ in SCALARS}) == 5
