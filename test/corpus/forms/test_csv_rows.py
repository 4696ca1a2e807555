"""Rows of CSV files, and the lines at which they begin."""

import pytest

from moeasr.corpus.forms.csv_rows import csv_header, csv_rows
from moeasr.errors import InputError


def test_quotes_line_breaks_and_windows_line_ends(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffname,text\r\na,"one\r\ntwo, ""three"""\r\n\r\nb,ö\r\n'.encode())
    assert csv_header(path) == ["name", "text"]
    assert list(csv_rows(path)) == [
        (f"{path}, line 2", {"name": "a", "text": 'one\ntwo, "three"'}),
        (f"{path}, line 5", {"name": "b", "text": "ö"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,text\na\n", "a.csv, line 2: has 1 column, but the first line 2"),
        (b'name,text\na,b\na,"b\nc', "a.csv, line 3: is not valid CSV"),
        (b"name,text\na,\xff\n", "a.csv, line 2: not valid UTF-8"),
        (b"\nname,text\na,b\n\na\n", "a.csv, line 5: has 1 column, but the first line 2"),
        (b"text,name,text\na,b,c\n", "a.csv, line 1: the column `text` appears twice"),
    ],
)
def test_faults_are_named_with_the_first_line_of_their_row(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(csv_rows(path))


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        ('file;text\na;"b;c, d"\n', [{"file": "a", "text": "b;c, d"}]),
        ("file\ttext\na\tb;c, d\n", [{"file": "a", "text": "b;c, d"}]),
        ("file,text;note\na,b;c\n", [{"file": "a", "text;note": "b;c"}]),
        ("file\na;b\n", [{"file": "a;b"}]),
        ("\n ; \nfile;text\na;b\n", [{"file": "a", "text": "b"}]),
        ("sep=;\nfile;text\n\na;b\n;\n", [{"file": "a", "text": "b"}]),
        ('file, "text"\na, "b, c"\n  \n', [{"file": "a", "text": "b, c"}]),
        ("file,text\na,b,,\n", [{"file": "a", "text": "b"}]),
    ],
)
def test_the_header_tells_the_delimiter(tmp_path, lines, rows):
    path = tmp_path / "a.csv"
    path.write_text(lines)
    assert [row for _, row in csv_rows(path)] == rows
    assert csv_header(path) == list(rows[0])


def test_an_unreadable_file_has_no_header(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff")
    assert csv_header(tmp_path / "a.csv") == []
    assert csv_header(tmp_path / "none.csv") == []
    (tmp_path / "empty.csv").touch()
    assert csv_header(tmp_path / "empty.csv") == [] and not list(csv_rows(tmp_path / "empty.csv"))
