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
    tables = {"utt2dur": lines(num_utts), "feats.scp": lines(num_made)}
    write_tables(data, tables, said.append, {"u0038": "it is empty"})
    return said


def test_complete_tables_give_no_message(tmp_path):
    assert write(tmp_path, 40, 40) == []
    assert (tmp_path / "feats.scp").read_bytes() == (tmp_path / "utt2spk").read_bytes()


def test_up_to_one_in_twenty_may_be_missing(tmp_path):
    said = write(tmp_path, 40, 38)
    assert said == [
        f"left out 2 of 40 utterances; {tmp_path}/left_out.txt lists them with the reasons, and "
        f"utils/fix_data_dir.sh {tmp_path} removes them from all tables"
    ]
    listed = (tmp_path / "left_out.txt").read_text()
    assert listed == "u0038 it is empty\nu0039 the logs of the jobs say why\n"
    assert (tmp_path / "feats.scp").read_text().split()[-2:] == ["u0037", "s"]


def test_more_is_an_error_and_writes_nothing(tmp_path):
    with pytest.raises(InputError, match=r"only 37 of 40 .*:\nu0037 .*\nu0038 it is empty"):
        write(tmp_path, 40, 37)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["left_out.txt", "utt2spk"]


def test_an_old_list_is_removed_when_all_utterances_are_there(tmp_path):
    write(tmp_path, 40, 38)
    write(tmp_path, 40, 40)
    assert not (tmp_path / "left_out.txt").exists()


def test_a_million_utterances_are_one_line(tmp_path):
    assert len(write(tmp_path, 2000, 1940)) == 1
    assert len((tmp_path / "left_out.txt").read_text().splitlines()) == 60
