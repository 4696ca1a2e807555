"""Scalars of YAML are read as people mean them, and not as YAML 1.1 defines them."""

import math
import re

import pytest
import yaml

from moeasr.yaml_text import SCALARS, YamlError, dump_yaml, parse_yaml, quote_yaml, show_yaml


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
    written = dump_yaml({"key": text})
    assert parse_yaml(written) == yaml.safe_load(written) == {"key": text}


def test_keys_and_letters_are_written_as_they_are_in_their_own_order():
    assert dump_yaml({"\xe4": "\u4f60\u597d", "b": "a"}) == "\xe4: \u4f60\u597d\nb: a\n"


@pytest.mark.parametrize("value", [0.1, 1e-8, 1e22, 12, -3, True, None, math.inf, [1.0, "a"]])
def test_values_are_written_so_that_every_reader_finds_them(value):
    written = dump_yaml({"key": value})
    assert parse_yaml(written) == yaml.safe_load(written) == {"key": value}


SHARED = [1]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, "null"),
        (True, "true"),
        (-0.5, "-0.5"),
        (math.nan, ".nan"),
        ("yes", "yes"),
        ("two\nlines", "two\nlines"),
        ({"b": [1, "no"], "a": {}}, "{b: [1, 'no'], a: {}}"),
        ({"a": "two\nlines"}, '{a: "two\\nlines"}'),
        ([SHARED, SHARED], "[[1], [1]]"),
        (["é" * 100] * 2, f"[{'é' * 100}, {'é' * 100}]"),
    ],
)
def test_a_value_is_shown_in_one_line_as_it_is_written(value, line):
    assert show_yaml(value) == line


def test_text_in_quotation_marks_and_objects_of_python_are_shown_too():
    assert (quote_yaml("null"), quote_yaml(None)) == ("'null'", "null")
    assert quote_yaml({"a": 1j}) == "{'a': 1j}"
    assert quote_yaml(b"x") == "b'x'"


def test_merge_keys_work():
    assert parse_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}")["c"] == {"b": 1, "d": 2}


def test_texts_above_cover_every_kind_of_scalar():
    assert len({tag for tag, _, _ in SCALARS}) == 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("b: !!bool maybe", "line 2: maybe is neither true nor false"),
        ("b: !!int abc", "line 2: abc... is not an integer"),
        ("b: !!map [1]", "line 2: expected a section of keys"),
        ("b: !!timestamp 2024-99-01", "line 2: tag !!timestamp is not supported"),
        ("b: !!set {a}", "line 2: tag !!set is not supported"),
        ("b: !!python/object/apply:os.system [true]", "line 2: tag !!python/object/apply:os.sys"),
        ("b: !own 1", "line 2: tag !own is not supported"),
        ("? !!binary aGk=\n: 1", "line 2: tag !!binary is not supported"),
        ("b: &x [1, *x]", "line 2: a section or list contains itself"),
        ("b: &x {c: *x}", "line 2: a section or list contains itself"),
        ("b: 1\nc: 2\nb: 3", "line 4: key 'b' is repeated; it is first defined in line 2"),
        ("b: " + "[" * 500, "it is nested too deeply"),
        ('b: "\\ud800"', "line 2: text holds a surrogate"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_line(text, reason):
    with pytest.raises(YamlError, match=re.escape(reason)):
        parse_yaml(f"a: 1\n{text}\n")


def test_aliases_that_multiply_without_end_are_refused():
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    with pytest.raises(YamlError, match="aliases expand to more than 1000000 values"):
        parse_yaml("\n".join(lines))


def test_merged_and_repeated_sections_are_fine():
    found = parse_yaml("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: [*x, *x]\n")
    assert found == {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}, "e": [{"b": 1, "c": 2}] * 2}
