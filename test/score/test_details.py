"""Detail files, which equal those of Kaldi's scoring scripts character by character."""

from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.score.alignment import Counts
from moeasr.score.details import ops_text, per_spk_text, per_utt_text, read_per_utt
from moeasr.score.error_rate import ErrorRate, Pair, word_error_rate


def example() -> ErrorRate:
    """Score Kaldi's example of wer_per_utt_details.pl, an empty reference, an empty hypothesis."""
    return word_error_rate(
        [
            Pair(
                "UTT-A",
                "word-A word-B word-C word-D word-E",
                "word-A word-A word-B word-D word-X",
            ),
            Pair("UTT-B", "", "z"),
            Pair("UTT-C", "x y", ""),
        ]
    )


# The three texts below were printed by Kaldi's wer_{per_utt,per_spk,ops}_details.pl
# (commit f400766) with --special-symbol '***' for these alignments.
PER_UTT = """\
UTT-A ref  word-A    ***   word-B  word-C  word-D  word-E
UTT-A hyp  word-A  word-A  word-B    ***   word-D  word-X
UTT-A op      C       I       C       D       C       S  
UTT-A #csid 3 1 1 1
UTT-B ref  ***
UTT-B hyp   z 
UTT-B op    I 
UTT-B #csid 0 0 1 0
UTT-C ref   x    y 
UTT-C hyp  ***  ***
UTT-C op    D    D 
UTT-C #csid 0 0 0 2
"""  # noqa: W291

PER_SPK = """\
SPEAKER         id       #SENT      #WORD       Corr        Sub        Ins        Del        Err      S.Err
A               raw          2          7          3          1          1          3          5          2
A               sys          2          7      42.86      14.29      14.29      42.86      71.43     100.00
B               raw          1          0          0          0          1          0          1          1
SUM             raw          3          7          3          1          2          3          6          3
SUM             sys          3          7      42.86      14.29      28.57      42.86      85.71     100.00
"""  # noqa: E501

OPS = """\
correct       word-A    word-A    1
correct       word-B    word-B    1
correct       word-D    word-D    1
deletion      word-C       ***    1
deletion           x       ***    1
deletion           y       ***    1
insertion        ***    word-A    1
insertion        ***         z    1
substitution  word-E    word-X    1
"""


def test_per_utt_equals_kaldi() -> None:
    assert per_utt_text(example()) == PER_UTT


def test_per_spk_equals_kaldi() -> None:
    assert per_spk_text(example(), {"UTT-A": "A", "UTT-B": "B", "UTT-C": "A"}) == PER_SPK


def test_long_speaker_names_widen_the_table() -> None:
    rate = word_error_rate([Pair("u", "a", "a")])
    lines = per_spk_text(rate, {"u": "speaker-of-many-letters"}).splitlines()
    assert {line.index(word) for line, word in zip(lines, ["id", "raw", "sys", "raw", "sys"])} == {
        24
    }


def test_ops_equals_kaldi_and_starts_with_the_most_frequent_operation() -> None:
    assert ops_text(example()) == OPS
    rate = word_error_rate([Pair("u", "a b b", "a b b")])
    assert ops_text(rate) == "correct       b    b    2\ncorrect       a    a    1\n"


def test_columns_of_ops_are_at_most_as_wide_as_in_kaldi() -> None:
    rate = word_error_rate([Pair("u", "a-word-of-18-chars a", "a-word-of-18-chars a")])
    assert ops_text(rate).splitlines() == [
        f"correct       {'a':>16}    {'a':>16}    1",
        "correct       a-word-of-18-chars    a-word-of-18-chars    1",
    ]


def test_a_word_of_asterisks_is_an_ordinary_word() -> None:
    rate = word_error_rate([Pair("u", "*** a", "*** b")])
    assert per_utt_text(rate).splitlines()[-1] == "u #csid 1 1 0 0"


def test_per_utt_counts_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "per_utt"
    path.write_text(PER_UTT)
    assert read_per_utt(path) == {u.utt_id: u.counts for u in example().utterances}
    assert read_per_utt(path)["UTT-C"] == Counts(dels=2)
    path.write_text("u\u00a01 #csid 1 2 3 4\n", encoding="utf-8")
    assert list(read_per_utt(path)) == ["u\u00a01"]
    for line in ("u #csid 1 2 x 0", "u #csid"):
        path.write_text(f"u ref a\n{line}\n")
        with pytest.raises(InputError, match="per_utt:2"):
            read_per_utt(path)
    path.write_text("u ref a\n")
    with pytest.raises(InputError, match="no #csid"):
        read_per_utt(path)
