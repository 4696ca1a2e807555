"""Sections of a train.yaml."""

import pytest

from moeasr.errors import InputError
from moeasr.interop.wenet.section import Section


def section(**values):
    return Section("train.yaml", "conf", values)


def test_values_are_taken_once_and_have_defaults():
    conf = section(size=3, rate=2, flag="yes", kind="a", part={"x": 1}, old=7)
    assert conf.has("size") and conf.number("size", 5) == 3 and not conf.has("size")
    assert conf.number("missing", 5) == 5
    assert conf.number("rate", 0.5) == 2.0 and isinstance(conf.number("rate", 0.5), float)
    assert conf.flag("flag", False) is True and conf.flag("other", False) is False
    assert conf.choice("kind", "b", {"a": 1, "b": 2}) == 1
    assert conf.choice("kind", "b", {"a": 1, "b": 2}) == 2
    within = conf.section("part")
    assert within.name("x") == "conf.part.x" and within.value("x", None) == 1
    conf.ignore("old")
    conf.finish()
    assert Section("train.yaml", "", None).name("x") == "x"


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda c: c.number("key", 1), "'conf.key' must be an integer of at least 0, but is 'x'"),
        (lambda c: c.number("key", 1.0), "'conf.key' must be a number of at least 0, but is 'x'"),
        (lambda c: c.number("low", 1, 4), "'conf.low' must be an integer of at least 4, but is 3"),
        (lambda c: c.flag("key", True), "'conf.key' must be true or false, but is 'x'"),
        (lambda c: c.section("key"), "'conf.key' must be a section of keys, but is 'x'"),
        (
            lambda c: c.choice("key", "a", {"a": 1, "xy": 2}),
            "'conf.key' is 'x', but moeasr supports only 'a' or 'xy'; did you",
        ),
        (lambda c: c.require("key", 1, 1), "'conf.key' is 'x', but moeasr supports only"),
        (lambda c: c.require_number("low", 1, 1), "'conf.low' is 3, but moeasr supports only"),
        (lambda c: c.finish(), "key 'conf.key' is unknown, so the imported model could differ"),
    ],
)
def test_faults_name_file_and_key(read, message):
    with pytest.raises(InputError, match=f"^train.yaml: {message}"):
        read(section(key="x", low=3))
