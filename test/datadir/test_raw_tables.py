"""Tables as raw bytes: any encoding passes through, in C order."""

import os

import pytest

from moeasr.datadir.raw_tables import (
    filter_lines,
    is_unicode,
    key,
    read_fields,
    read_lines,
    read_map,
    read_utt2spk,
    rename,
    rest,
    segment_recordings,
    show,
    spk2utt_of,
    write_lines,
    write_utt2spk,
)
from moeasr.errors import InputError


def test_lines_are_written_and_read_as_they_are(tmp_path):
    lines = [b"u1 caf\xe9", b"", b"u2  a\tb "]
    write_lines(tmp_path / "new" / "text", iter(lines))
    assert (tmp_path / "new" / "text").read_bytes() == b"u1 caf\xe9\n\nu2  a\tb \n"
    assert read_lines(tmp_path / "new" / "text") == lines
    (tmp_path / "cut").write_bytes(b"a\nb")
    assert read_lines(tmp_path / "cut") == [b"a", b"b"]
    with pytest.raises(InputError, match="no such file .*none"):
        read_lines(tmp_path / "none")


@pytest.mark.parametrize(
    ("line", "first", "others"),
    [
        (b"u1 a  b ", b"u1", b"a  b"),
        (b" \tu1\t a", b"u1", b"a"),
        (b"u1", b"u1", b""),
        (b" ", b"", b""),
        (b"u\xc2\xa01 \xe3\x80\x80x", b"u\xc2\xa01", b"\xe3\x80\x80x"),
    ],
)
def test_a_line_is_a_key_and_a_rest(line, first, others):
    assert (key(line), rest(line)) == (first, others)


def test_a_pipe_of_the_shell_is_read_like_a_file():
    reading, writing = os.pipe()
    os.write(writing, b"a 1\nb 2\n")
    os.close(writing)
    assert read_lines(f"/dev/fd/{reading}") == [b"a 1", b"b 2"]
    os.close(reading)


def test_tables_of_so_many_fields(tmp_path):
    (tmp_path / "utt2spk").write_bytes(b"b y\na  x\n")
    assert read_fields(tmp_path / "utt2spk", 2) == [[b"b", b"y"], [b"a", b"x"]]
    assert read_map(tmp_path / "utt2spk") == {b"b": b"y", b"a": b"x"}
    assert read_utt2spk(tmp_path) == [(b"b", b"y"), (b"a", b"x")]
    with pytest.raises(InputError, match=r"utt2spk, line 1: has 2 fields instead of 3: 'b y'"):
        read_fields(tmp_path / "utt2spk", 3)


def test_speakers_are_derived_from_utterances(tmp_path):
    pairs = [(b"b-1", b"b"), (b"a-2", b"a"), (b"a-1", b"a")]
    assert spk2utt_of(pairs) == [b"b b-1", b"a a-2 a-1"]
    write_utt2spk(tmp_path, pairs)
    assert (tmp_path / "utt2spk").read_bytes() == b"a-1 a\na-2 a\nb-1 b\n"
    assert (tmp_path / "spk2utt").read_bytes() == b"a a-1 a-2\nb b-1\n"


def test_lines_are_chosen_and_renamed():
    lines = [b"b x  y", b"a", b"c \xff"]
    assert filter_lines(lines, {b"a", b"c"}) == [b"a", b"c \xff"]
    assert rename(lines, lambda name: b"z-" + name) == [b"z-a", b"z-b x  y", b"z-c \xff"]


def test_recordings_of_segments(tmp_path):
    assert segment_recordings([b"u1 r 0 1", b"u2 s 0 1", b"u3 r 1 2"], tmp_path) == {b"r", b"s"}
    with pytest.raises(InputError, match="line 2: the recording is missing: 'u2'"):
        segment_recordings([b"u1 r 0 1", b"u2"], tmp_path)


def test_bytes_that_are_not_utf_8_are_shown_as_escapes():
    assert show(b"caf\xc3\xa9 \xe9") == "caf\u00e9 \\xe9"
    assert is_unicode("caf\u00e9") and not is_unicode("caf\udce9")
