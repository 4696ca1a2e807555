"""Tables for a data directory, which are rejected if too many utterances are missing."""

import pytest

from moeasr.datadir.full_tables import write_tables
from moeasr.errors import InputError


def lines(num_utts):
    """Return the lines of a table of the first utterances."""
    return [f"u{n:04d} s".encode() for n in range(num_utts)]


def write(data, num_utts, num_made):
    """Write two tables for some utterances of a directory; return the messages."""
    (data / "utt2spk").write_bytes(b"".join(line + b"\n" for line in lines(num_utts)))
    said = []
    write_tables(data, {"utt2dur": lines(num_utts), "feats.scp": lines(num_made)}, said.append)
    return said


def test_all_utterances_need_no_word(tmp_path):
    assert write(tmp_path, 40, 40) == []
    assert (tmp_path / "feats.scp").read_bytes() == (tmp_path / "utt2spk").read_bytes()


def test_up_to_one_in_twenty_may_lack(tmp_path):
    said = write(tmp_path, 40, 38)
    assert said[0] == "skipped 2 of 40 utterances (the logs say why): u0038 u0039"
    assert (tmp_path / "feats.scp").read_text().split()[-2:] == ["u0037", "s"]


def test_more_is_an_error_and_writes_nothing(tmp_path):
    with pytest.raises(InputError, match=r"only 37 of 40 utterances have features"):
        write(tmp_path, 40, 37)
    assert [path.name for path in tmp_path.iterdir()] == ["utt2spk"]


def test_a_long_list_is_cut(tmp_path):
    assert write(tmp_path, 2000, 1940)[0].endswith("u1989 and 10 more")
