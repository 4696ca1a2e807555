"""Parts of data directories."""

from typing import get_args

import pytest
from tables import read_tables, write_tables

from moeasr.errors import InputError
from moeasr.kaldi.subset import How, by_speaker, choose, spread, subset_by_count, subset_by_list

PAIRS = [(utt.encode(), utt[:1].encode()) for utt in ("a-1", "a-2", "a-3", "b-1", "b-2", "c-1")]
CHOSEN = {
    "spread": ["a-3", "b-1", "c-1"],
    "first": ["a-1", "a-2", "a-3"],
    "last": ["b-1", "b-2", "c-1"],
    "shortest": ["a-2", "b-1", "c-1"],
    "per-spk": ["a-1", "a-2", "a-3", "b-1", "b-2", "c-1"],
    "speakers": ["a-1", "a-2", "a-3", "c-1"],
}
"""Three utterances of `PAIRS`, or three per speaker, or speakers of three utterances."""


@pytest.fixture
def source(tmp_path):
    files = {
        "utt2spk": b"".join(b"%b %b\n" % pair for pair in PAIRS).decode(),
        "text": "".join(f"{utt.decode()} X\n" for utt, _ in PAIRS),
        "utt2dur": "a-1 9\na-2 1\na-3 8\nb-1 2\nb-2 7\nc-1 1.5\n",
    }
    return write_tables(tmp_path / "source", files)


def test_every_way_to_choose_has_its_case():
    assert set(CHOSEN) == set(get_args(How))


@pytest.mark.parametrize("how", get_args(How))
def test_which_utterances_are_chosen(source, how):
    assert [utt.decode() for utt, _ in choose(source, PAIRS, 3, how)] == CHOSEN[how]


def test_a_spread_takes_half_from_each_half():
    assert spread("abcdefgh", 4) == ["b", "d", "f", "h"]
    assert spread("abcdefgh", 0) == [] and spread("abc", 3) == ["a", "b", "c"]


def test_one_per_speaker_is_the_first(source):
    assert [utt for utt, _ in choose(source, PAIRS, 1, "per-spk")] == [b"a-1", b"b-1", b"c-1"]
    assert list(by_speaker(PAIRS)) == [b"a", b"b", b"c"]


def test_the_order_of_utterances_stays_if_speakers_are_mixed(source):
    mixed = [(b"a", b"s2"), (b"b", b"s1"), (b"c", b"s2"), (b"d", b"s1")]
    assert choose(source, mixed, 2, "per-spk") == mixed


def test_lengths_in_frames_come_before_durations(source):
    write_tables(source, {"utt2num_frames": "a-1 1\na-2 9\na-3 9\nb-1 9\nb-2 9\nc-1 9\n"})
    assert [utt for utt, _ in choose(source, PAIRS, 1, "shortest")] == [b"a-1"]


def test_parts_are_written(source, tmp_path):
    said = []
    subset_by_count(source, tmp_path / "new", 2, "first", said.append)
    assert read_tables(tmp_path / "new")["text"] == "a-1 X\na-2 X\n"
    assert said == ["reducing #utt from 6 to 2"]
    (tmp_path / "list").write_text("b more\nx\n")
    subset_by_list(source, tmp_path / "b", tmp_path / "list", 1, said.append)
    assert read_tables(tmp_path / "b")["utt2spk"] == "b-1 b\nb-2 b\n"


def test_faults(source, tmp_path):
    target = tmp_path / "new"
    with pytest.raises(InputError, match=r"more utterances than you originally had. \(7 > 6 in"):
        subset_by_count(source, target, 7, "first", print)
    with pytest.raises(InputError, match="cannot subset to 0 utterances"):
        subset_by_count(source, target, 0, "first", print)
    for content, message in {
        "x\n": "utt2spk contains none of the ids",
        "a-1\n\n": "line 2: is empty",
    }.items():
        (tmp_path / "list").write_text(content)
        with pytest.raises(InputError, match=message):
            subset_by_list(source, target, tmp_path / "list", 0, print)
    write_tables(source, {"utt2dur": "a-1 x\n"})
    with pytest.raises(InputError, match="utt2dur: invalid length 'x' of a-1"):
        choose(source, PAIRS, 1, "shortest")
    (source / "utt2dur").unlink()
    with pytest.raises(InputError, match="--shortest needs utt2num_frames or utt2dur"):
        choose(source, PAIRS, 1, "shortest")
