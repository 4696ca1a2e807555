"""Lines of files that may be compressed by gzip."""

import gzip

import pytest

from moeasr.errors import InputError
from moeasr.text.gzip_lines import gzip_lines

CONTENT = "one \r\n\n\t\n  two\u00a0\n".encode()
PACKED = gzip.compress(CONTENT, mtime=0)
BROKEN = PACKED[:20] + bytes([PACKED[20] ^ 255]) + PACKED[21:]
LINES = [(1, "one"), (4, "two\u00a0")]  # only plain spaces and tabs are stripped


@pytest.mark.parametrize(("name", "content"), [("x", CONTENT), ("x.gz", PACKED)])
def test_lines_keep_their_numbers_and_blank_ones_are_left_out(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert list(gzip_lines(tmp_path / name)) == LINES


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x", PACKED, r"x is a gzip file: rename it to x\.gz$"),
        ("x.gz", CONTENT, r"x\.gz is not a gzip file: rename it to x$"),
        ("x.gz", PACKED[:-9], r"x\.gz:\d+: the gzip file is damaged or truncated"),
        ("x.gz", BROKEN, r"x\.gz:\d+: the gzip file is damaged or truncated"),
        ("x", b"\xef\xbb\xbfone\n", "x:1: begins with a byte order mark; remove it"),
        ("x", b"one\n\xff\n", "x:2: not UTF-8"),
    ],
)
def test_faults_name_file_and_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(gzip_lines(tmp_path / name))


def test_an_empty_file_has_no_lines(tmp_path):
    (tmp_path / "x.gz").write_bytes(b"")
    assert list(gzip_lines(tmp_path / "x.gz")) == []
