"""Lines of text files: contents, and the file and line of each fault."""

import os

import pytest

from moeasr.datadir import raw_tables
from moeasr.errors import InputError
from moeasr.text_lines import read_lines


def test_lines_are_numbered_and_keep_their_spaces(tmp_path):
    path = tmp_path / "list"
    path.write_bytes(" a \r\n\n\u3000caf\u00e9".encode())  # no newline at the end
    assert list(read_lines(path)) == [(1, " a \r"), (2, ""), (3, "\u3000caf\u00e9")]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "file {} is empty"),
        (b"\xef\xbb\xbfa\n", "{}, line 1: begins with a byte order mark; save the file without it"),
        (b"a\nab\xffc\n", "{}, line 2: not valid UTF-8 (byte 3 of the line)"),
        (None, "file {} does not exist"),
    ],
)
def test_a_fault_is_named_by_file_and_line(tmp_path, content, fault):
    path = tmp_path / "list"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        list(read_lines(path))
    assert str(error.value) == fault.format(path)


def test_a_directory_is_no_file_and_a_pipe_of_the_shell_is_one(tmp_path):
    with pytest.raises(InputError, match="^.* is a directory, but must be a file$"):
        list(read_lines(tmp_path))
    reading, writing = os.pipe()
    os.write(writing, b"a\nb\n")
    os.close(writing)
    assert list(read_lines(f"/dev/fd/{reading}")) == [(1, "a"), (2, "b")]
    os.close(reading)


def test_a_named_pipe_whose_reader_could_wait_for_ever_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe does not exist"):
        list(read_lines(tmp_path / "pipe"))
    with pytest.raises(InputError, match="no such file .*pipe"):
        raw_tables.read_lines(tmp_path / "pipe")
