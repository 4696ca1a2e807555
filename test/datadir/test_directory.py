"""Strict reading of tables: what is taken, and how each fault is named."""

import pytest

from moeasr.datadir.directory import DataDir, Segment
from moeasr.datadir.table import read_table
from moeasr.errors import InputError


def test_a_table_keeps_order_and_inner_spaces(tmp_path):
    path = tmp_path / "text"
    path.write_text("b  x  y \na\tp\tq\nc\n", encoding="utf-8")
    assert read_table(path) == {"b": "x  y", "a": "p\tq", "c": ""}
    assert list(read_table(path)) == ["b", "a", "c"]
    path.write_bytes("u1 \u3000\u4f60\u00a0".encode())  # no newline; other spaces are text
    assert read_table(path) == {"u1": "\u3000\u4f60\u00a0"}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a x\r\n", "line 1: has a carriage return"),
        (b"a x\nb \xe9\n", "line 2: not valid UTF-8"),
        (b"a x\n\nb y\n", "line 2: is empty"),
        (b"a x\nb y\na z\n", "line 3: 'a' occurs a second time"),
        (b"\xef\xbb\xbfa x\n", "line 1: begins with a byte order mark"),
    ],
)
def test_a_fault_is_named_by_file_and_line(tmp_path, content, fault):
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_table(path)
    assert str(error.value).startswith(f"{path}, {fault}")


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"text does not exist"):
        read_table(tmp_path / "text")
    with pytest.raises(InputError, match=r"none: no such directory"):
        DataDir(tmp_path / "none")


def test_a_data_dir_reads_its_tables_by_need(tmp_path):
    files = {
        "wav.scp": "r x y.wav\n",
        "text": "u A B\n",
        "utt2spk": "u s\n",
        "feats.scp": "u a.ark:7\n",
        "utt2num_frames": "u 12\n",
        "utt2dur": "u 0.125\n",
        "segments": "u r 0.5 0.625\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    data = DataDir(tmp_path)
    assert data.has("text") and not data.has("spk2utt")
    assert (data.wav, data.text, data.utt2spk) == ({"r": "x y.wav"}, {"u": "A B"}, {"u": "s"})
    assert (data.feats, data.num_frames, data.utt2dur) == (
        {"u": "a.ark:7"},
        {"u": 12},
        {"u": 0.125},
    )
    assert data.segments == {"u": Segment("r", 0.5, 0.625)}
    (tmp_path / "text").unlink()
    assert data.text == {"u": "A B"}  # read once
    assert DataDir(tmp_path).wav and not DataDir(tmp_path).has("text")


@pytest.mark.parametrize(
    ("name", "line", "fault"),
    [
        ("utt2num_frames", "u 1.5", "'1.5' of utterance u is not a number"),
        ("utt2dur", "u x", "'x' of utterance u is not a number"),
        ("segments", "u r 1", "bad line 'u r 1'"),
        ("segments", "u r 2 1", "bad line 'u r 2 1'"),
        ("segments", "u r nan 1", "bad line 'u r nan 1'"),
    ],
)
def test_bad_numbers_are_named(tmp_path, name, line, fault):
    (tmp_path / name).write_text(line + "\n")
    attribute = {"utt2num_frames": "num_frames"}.get(name, name)
    with pytest.raises(InputError) as error:
        getattr(DataDir(tmp_path), attribute)
    assert fault in str(error.value) and str(tmp_path / name) in str(error.value)


def test_no_segments_is_no_fault(tmp_path):
    assert DataDir(tmp_path).segments == {}
