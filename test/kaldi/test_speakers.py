"""Speakers divided into smaller ones."""

import pytest
from tables import read_tables, write_tables

from moeasr.errors import InputError
from moeasr.kaldi.speakers import SpeakerLimits, divide_speakers, group_utts, modify_speaker_info

PAIRS = [(b"b-1", b"b"), (b"a-1", b"a"), (b"a-2", b"a"), (b"a-3", b"a")]
DURATIONS_SEC = {b"a-1": 2.0, b"a-2": 1.0, b"a-3": 1.5, b"b-1": 9.0}


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        ({"max_utts": 2}, [2, 1]),
        ({"max_sec": 2.5}, [1, 2]),  # 2.0 | 1.0 1.5
        ({"max_sec": 3.0}, [2, 1]),
        ({"max_sec": 0.5}, [1, 1, 1]),  # an utterance alone may be longer
        ({"max_utts": 2, "max_sec": 100.0}, [2, 1]),
        ({}, [3]),
    ],
)
def test_groups_stay_within_their_limits(limits, sizes):
    utts = [b"a-1", b"a-2", b"a-3"]
    groups = list(group_utts(utts, SpeakerLimits(**limits), DURATIONS_SEC))
    assert [len(group) for group in groups] == sizes
    assert [utt for group in groups for utt in group] == utts


def test_speakers_are_numbered_with_or_without_their_old_names():
    limits = SpeakerLimits(max_utts=2)
    assert divide_speakers(PAIRS, limits, {}, respect=True) == [
        (b"a-1", b"a-1"),
        (b"a-2", b"a-1"),
        (b"a-3", b"a-2"),
        (b"b-1", b"b-1"),
    ]
    assert [speaker for _, speaker in divide_speakers(PAIRS, limits, {}, respect=False)] == [
        *[b"speaker-1"] * 2,
        *[b"speaker-2"] * 2,
    ]


def test_numbers_sort_as_text():
    pairs = [(b"u%02d" % number, b"a") for number in range(10)]
    new = divide_speakers(pairs, SpeakerLimits(max_utts=1), {}, respect=True)
    assert [speaker for _, speaker in new] == [b"a-%02d" % number for number in range(1, 11)]


def test_a_directory_gets_new_speakers(tmp_path):
    files = {"utt2spk": "a-1 a\na-2 a\n", "text": "a-1 X\na-2 Y\n", "spk2gender": "a f\n"}
    source = write_tables(tmp_path / "source", files | {"utt2dur": "a-1 1\na-2 2\n"})
    said = []
    limits = SpeakerLimits(max_sec=2.5)
    modify_speaker_info(source, tmp_path / "new", limits, True, said.append)
    new = read_tables(tmp_path / "new")
    assert new["utt2spk"] == "a-1 a-1\na-2 a-2\n" and new["spk2utt"] == "a-1 a-1\na-2 a-2\n"
    assert new["text"] == files["text"] and "spk2gender" not in new
    assert said[-1].endswith("number of speakers changed from 1 to 2")


def test_faults(tmp_path):
    source = write_tables(tmp_path / "s", {"utt2spk": "a a\nb b\n", "utt2dur": "a 1\nc 1\n"})
    with pytest.raises(InputError, match="--utts-per-spk-max and --seconds-per-spk-max"):
        modify_speaker_info(source, tmp_path / "new", SpeakerLimits(), True, print)
    with pytest.raises(InputError, match="utterance b is not in"):
        modify_speaker_info(source, tmp_path / "new", SpeakerLimits(max_sec=1.0), True, print)


@pytest.mark.parametrize(
    ("durations_sec", "sizes"), [([1.0] * 5, [2, 2, 1]), ([5.0, 1.0, 1.0, 1.0], [1, 2, 1])]
)
def test_each_new_speaker_has_two_seconds_or_one_longer_utterance(durations_sec, sizes):
    durations_sec = {b"u%d" % n: sec for n, sec in enumerate(durations_sec)}
    groups = list(group_utts(list(durations_sec), SpeakerLimits(max_sec=2.0), durations_sec))
    assert [len(group) for group in groups] == sizes
    assert [utt for group in groups for utt in group] == list(durations_sec)


def test_speakers_regardless_of_the_old_ones_go_by_the_order_of_utterances():
    pairs = [(b"b", b"x"), (b"a", b"y"), (b"d", b"x"), (b"c", b"y")]
    new = divide_speakers(pairs, SpeakerLimits(max_utts=2), {}, respect=False)
    assert new == [
        (b"a", b"speaker-1"),
        (b"b", b"speaker-1"),
        (b"c", b"speaker-2"),
        (b"d", b"speaker-2"),
    ]
