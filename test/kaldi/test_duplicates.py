"""Removal of repetitions of the same transcript."""

import pytest
from tables import read_tables, write_tables

from moeasr.errors import InputError
from moeasr.kaldi.duplicates import limit_repetitions, remove_dup_utts


def test_rare_transcriptions_stay_and_frequent_ones_are_thinned_out():
    lines = [b"u%02d YES" % number for number in range(40)] + [b"v1 NO", b"v2  MAY BE", b"v3 NO"]
    kept = limit_repetitions(lines, 10)
    assert kept[-3:] == lines[-3:]
    # by hand: (103349 n) mod 71147 is below a quarter of 71147 for these n of 1 to 40
    numbers = [n for n in range(1, 41) if 103349 * n % 71147 < 71147 / 4]
    assert kept[:-3] == [lines[n - 1] for n in numbers]
    assert len(numbers) == 10


def test_words_count_and_not_the_spaces_between_them():
    lines = [b"a ONE TWO", b"b ONE  TWO", b"c ONE TWO "]
    assert limit_repetitions(lines, 4) == lines
    assert len(limit_repetitions(lines, 2)) < 3


def test_a_directory_keeps_the_lines_of_the_remaining_utterances(tmp_path):
    utts = [f"u{number}" for number in range(8)]
    source = {"utt2spk": "".join(f"{utt} {utt}\n" for utt in utts)}
    source["text"] = "".join(f"{utt} YES\n" for utt in utts)
    write_tables(tmp_path / "source", source)
    before, after = remove_dup_utts(tmp_path / "source", tmp_path / "few", 2, print)
    few = read_tables(tmp_path / "few")
    assert (before, after) == (8, len(few["text"].splitlines())) and 1 <= after <= 3
    assert [line.split()[0] for line in few["utt2spk"].splitlines()] == [
        line.split()[0] for line in few["text"].splitlines()
    ]


def test_faults(tmp_path):
    with pytest.raises(InputError, match="^<max-count> must be at least 2, but is 1$"):
        remove_dup_utts(tmp_path, tmp_path / "few", 1, print)
    with pytest.raises(InputError, match="^Invalid input directory "):
        remove_dup_utts(tmp_path, tmp_path / "few", 2, print)


def test_repetitions_are_limited_as_in_kaldi():
    """Kaldi's script keeps these of 5, 20 and 3 equal transcripts."""
    lines = [b"t%d OH" % n for n in range(5)]
    lines += [b"u%02d UH%s HUH" % (n, b" " * (n % 3)) for n in range(20)] + [
        b"v%d UH" % n for n in range(3)
    ]
    kept = [line.split()[0].decode() for line in limit_repetitions(lines, 5)]
    assert " ".join(kept) == "t0 t1 t2 t3 t4 u01 u03 u10 u12 u14 v0 v1 v2"
