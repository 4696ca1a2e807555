"""Strict reading of tables: their lines, and the message about each fault."""

import os
import pickle

import numpy as np
import pytest

from moeasr.datadir import table as table_module
from moeasr.datadir.table import Table
from moeasr.errors import InputError

CONTENTS = {
    b"": {},
    b"a x\nb y\n": {"a": "x", "b": "y"},
    b"a x\nb y": {"a": "x", "b": "y"},
    b"b  x  y \na\tp\tq\nc\n": {"b": "x  y", "a": "p\tq", "c": ""},
    b"  a x\n\t b y\n": {"a": "x", "b": "y"},
    # only plain spaces separate: other spaces are text, and a byte order mark may be amid a line
    "u1 \u3000\u4f60\u00a0\nu\u00e4 x\ufeffy\n".encode(): {
        "u1": "\u3000\u4f60\u00a0",
        "u\u00e4": "x\ufeffy",
    },
    b"long" + b"y" * 100 + b" value\n" + b"a " + b"v" * 1000 + b"\n": {
        "long" + "y" * 100: "value",
        "a": "v" * 1000,
    },
}
FAULTS = [
    (b"a x\r\n", "line 1: contains a carriage return"),
    (b"a x\nb \xe9\n", "line 2: not valid UTF-8"),
    (b"a x\n\nb y\n", "line 2: is empty"),
    (b"a x\n \t \nb y\n", "line 2: is empty"),
    (b"a x\nb y\na z\n", "line 3: 'a' appears a second time"),
    (b"a x\nb y\nb z\nc\n", "line 3: 'b' appears a second time"),
    (b"b x\na y\nb z\na z\n", "line 3: 'b' appears a second time"),
    (b"\xef\xbb\xbfa x\n", "line 1: begins with a byte order mark"),
    (b"a x\n\xef\xbb\xbfb x\n", "line 2: begins with a byte order mark"),
]


@pytest.fixture(params=[4, 1 << 22], ids=["small blocks", "one block"], autouse=True)
def block_bytes(request, monkeypatch):
    monkeypatch.setattr(table_module, "BLOCK_BYTES", request.param)


@pytest.fixture
def write(tmp_path):
    def write_bytes(content):
        path = tmp_path / "text"
        path.write_bytes(content)
        return path

    return write_bytes


@pytest.mark.parametrize("content", CONTENTS)
def test_a_table_keeps_order_and_inner_spaces(write, content):
    expected, table = CONTENTS[content], Table(write(content))
    assert len(table) == len(expected)
    assert list(table) == list(table.items()) == list(expected.items())
    assert [key.decode() for key in table.keys] == list(expected)
    assert list(table.values()) == list(expected.values())
    assert [table[row] for row in reversed(range(len(table)))] == list(expected.items())[::-1]


@pytest.mark.parametrize(("content", "fault"), FAULTS)
def test_a_fault_is_named_by_file_and_line(write, content, fault):
    path = write(content)
    with pytest.raises(InputError) as error:
        Table(path)
    assert str(error.value).startswith(f"{path}, {fault}")


def test_a_line_without_a_space_does_not_take_memory_for_all(write):
    path = write(b"a x\n" + b"b" * 501 + b"\n")
    with pytest.raises(InputError, match=r"text, line 2: its first field has 501 bytes; is the sp"):
        Table(path)
    with pytest.raises(InputError, match="nowhere does not exist"):
        Table(path.with_name("nowhere"))


@pytest.mark.parametrize("content", [b"a 1\nb 2\nc 3\n", b"c 3\na 1\nb 2\n", b""])
def test_rows_of_keys(write, content):
    table = Table(write(content))
    asked = [b"b", b"zz", b"a", b"", b"c", b"aaaa"]
    known = {key: row for row, key in enumerate(table.keys)}
    assert table.rows_of(np.array(asked)).tolist() == [known.get(key, -1) for key in asked]
    assert table.rows_of(table.keys).tolist() == list(range(len(table)))
    assert table.rows_of(np.zeros(0, "S1")).tolist() == []


def test_numbers(write):
    table = Table(write(b"a 3\nb 5\n"))
    assert table.numbers().tolist() == [3, 5]
    assert Table(write(b"a 0.5\n")).numbers(float).tolist() == [0.5]
    table = Table(write(b"a 3\nb 5.5\nc x\n"))
    with pytest.raises(InputError, match=r"text: '5.5' of utterance b is not a number"):
        table.numbers()


@pytest.mark.parametrize("value", ["99999999999999999999", "-99999999999999999999", "1e99", "nan"])
def test_numbers_that_no_array_holds_are_named(write, value):
    table = Table(write(f"a 3\nb {value}\n".encode()))
    with pytest.raises(InputError, match=f"text: '{value}' of utterance b is not a number"):
        table.numbers()


def test_a_file_that_is_replaced_is_read_on_and_one_that_is_overwritten_is_noticed(write, tmp_path):
    path = write(b"a x\nb y\n")
    table = Table(path)
    (tmp_path / "new").write_bytes(b"c z\n")
    os.replace(tmp_path / "new", path)
    assert list(table) == [("a", "x"), ("b", "y")]
    table = Table(path)
    path.write_bytes(b"d z\n")
    with pytest.raises(InputError, match=r"text was changed while it was in use \(line 1\)"):
        table[0]
    path.write_bytes(b"")
    with pytest.raises(InputError, match="was changed"):
        table[0]


def test_a_table_goes_to_another_process_without_its_open_file(write):
    table = Table(write(b"a x\nb y\n"))
    copy = pickle.loads(pickle.dumps(table))
    assert copy[1] == ("b", "y")
