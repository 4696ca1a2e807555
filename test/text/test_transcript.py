"""Reading `text` and `utt2spk`: contents, and the file and line of each fault."""

from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.text.transcript import read_transcripts, read_utt2spk


def test_reads_in_file_order_with_empty_transcripts(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("b-1 HELLO  caf\u00e9 \na-1\nc-1 x".encode())  # no newline at the end
    assert list(read_transcripts(path).items()) == [
        ("b-1", "HELLO caf\u00e9"),
        ("a-1", ""),
        ("c-1", "x"),
    ]


def test_other_spaces_than_plain_ones_belong_to_ids(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("u\u00a01 a\u2028b\nu\u30002\t c\u00a0\n\u2003u3 \n".encode())
    assert read_transcripts(path) == {"u\u00a01": "a b", "u\u30002": "c", "\u2003u3": ""}
    path.write_bytes("u1 \u3000s\u00a0 \n".encode())
    assert read_utt2spk(path) == {"u1": "\u3000s\u00a0"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "text is empty"),
        (b"\xef\xbb\xbfu1 a\n", "text, line 1: begins with a byte order mark"),
        (b"u1 a\r\nu2 b\r\n", "text, line 1: contains a carriage return"),
        (b"u1 a\nu2 b\x00\n", "text, line 2: contains the control character U\\+0000"),
        (b"u1 a\n\nu2 b\n", "text, line 2: is empty"),
        (b"u1 a\nu2 b\nu1 c\n", "text, line 3: 'u1' appears a second time"),
        (b"u1 a\nu2 \xff\n", r"text, line 2: not valid UTF-8 \(byte 4 of the line\)"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_transcripts(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        read_transcripts(tmp_path / "nowhere")


def test_utt2spk_needs_two_fields(tmp_path: Path) -> None:
    path = tmp_path / "utt2spk"
    path.write_text("a-1 a\nb-1 b \n")
    assert read_utt2spk(path) == {"a-1": "a", "b-1": "b"}
    for line in ("b-1\n", "b-1 b c\n"):
        path.write_text("a-1 a\n" + line)
        with pytest.raises(InputError, match="utt2spk, line 2: must have two fields"):
            read_utt2spk(path)
