"""Lines through filters, and ranges of fields."""

import io
import sys

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.filters import filter_lines_of, parse_range


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("2", "b"), ("2-3", "bc"), ("2:3", "bc"), ("3-", "cd"), ("-2", "ab"), ("9", ""), ("4-9", "d")],
)
def test_ranges_count_from_1_and_include_both_ends(spec, expected):
    assert "abcd"[parse_range(spec)] == expected


@pytest.mark.parametrize("spec", ["", "-", "0", "0-2", "2-0", "a", "1-2-3", "-1-"])
def test_other_ranges_are_refused(spec):
    with pytest.raises(InputError, match=f"^Bad argument to -f option: {spec}$"):
        parse_range(spec)


def refuse_b(line):
    if line == b"b":
        raise InputError("b is not liked")
    return line.upper()


def test_lines_of_files_and_of_standard_input(tmp_path, monkeypatch, capfdbinary):
    (tmp_path / "x").write_bytes(b"a\nc")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"d\n")))
    filter_lines_of([str(tmp_path / "x"), "-"], refuse_b)
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b"A\nC\nD\n"


def test_a_fault_names_file_and_line(tmp_path):
    (tmp_path / "x").write_bytes(b"a\nb\n")
    with pytest.raises(InputError, match=rf"^b is not liked \({tmp_path}/x, line 2\)$"):
        filter_lines_of([str(tmp_path / "x")], refuse_b)
