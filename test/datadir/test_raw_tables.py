"""Tables as raw bytes."""

import pytest

from moeasr.datadir import raw_tables
from moeasr.datadir.raw_tables import (
    filter_lines,
    is_unicode,
    key,
    keys,
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


@pytest.mark.parametrize(
    ("line", "first", "others"),
    [
        (b"a-1 ONE  TWO ", b"a-1", b"ONE  TWO"),
        (b"\ta\tb\tc", b"a", b"b\tc"),
        (b"a", b"a", b""),
        (b"", b"", b""),
        ("a\u3000b \u4f60".encode(), "a\u3000b".encode(), "\u4f60".encode()),  # no ASCII space
    ],
)
def test_a_line_is_its_first_field_and_the_rest(line, first, others):
    assert (key(line), rest(line)) == (first, others)


def test_lines_are_read_and_written_as_they_are(tmp_path):
    lines = [b"b \xff", b"", b"a  x"]
    write_lines(tmp_path / "x", lines)
    assert (tmp_path / "x").read_bytes() == b"b \xff\n\na  x\n"
    assert read_lines(tmp_path / "x") == lines and keys(lines) == [b"b", b"", b"a"]
    (tmp_path / "x").write_bytes(b"no newline")
    assert read_lines(tmp_path / "x") == [b"no newline"]
    with pytest.raises(InputError, match="^no such file .*none$"):
        read_lines(tmp_path / "none")


def test_fields_are_counted(tmp_path):
    (tmp_path / "x").write_bytes(b"a 1\nb\t2\n")
    assert read_fields(tmp_path / "x", 2) == [[b"a", b"1"], [b"b", b"2"]]
    assert read_map(tmp_path / "x") == {b"a": b"1", b"b": b"2"}
    with pytest.raises(InputError, match="x, line 1: has 2 fields instead of 3: 'a 1'"):
        read_fields(tmp_path / "x", 3)


def test_lines_are_filtered_and_renamed():
    lines = [b"b 1  2", b"a", b"c 3"]
    assert filter_lines(lines, {b"a", b"b"}) == [b"b 1  2", b"a"]
    assert rename(lines, lambda name: b"x" + name) == [b"xa", b"xb 1  2", b"xc 3"]


def test_speakers_and_their_utterances(tmp_path):
    pairs = [(b"b-1", b"b"), (b"a-2", b"a"), (b"a-1", b"a")]
    assert spk2utt_of(pairs) == [b"b b-1", b"a a-2 a-1"]
    write_utt2spk(tmp_path, pairs)
    assert (tmp_path / "utt2spk").read_text() == "a-1 a\na-2 a\nb-1 b\n"
    assert (tmp_path / "spk2utt").read_text() == "a a-1 a-2\nb b-1\n"
    assert read_utt2spk(tmp_path) == sorted(pairs)


def test_recordings_of_segments(tmp_path):
    assert segment_recordings([b"a r 0 1", b"b s"], tmp_path) == {b"r", b"s"}
    with pytest.raises(InputError, match="segments, line 2: names no recording: 'b'"):
        segment_recordings([b"a r", b"b"], tmp_path / "segments")


def test_what_is_no_utf_8_is_shown_as_escapes():
    assert show(b"a\xff") == "a\\xff" and show("\u4f60".encode()) == "\u4f60"
    assert is_unicode("\u4f60") and not is_unicode("\udcff")


def test_each_known_table_is_of_one_kind():
    kinds = (raw_tables.BY_UTTERANCE, raw_tables.BY_SPEAKER, raw_tables.BY_RECORDING)
    names = [name for kind in (*kinds, raw_tables.WHOLE) for name in kind]
    assert len(set(names)) == len(names)
