"""Sets that a corpus lacks, taken by speaker."""

import argparse
import logging

import pytest

from moeasr.corpus.forms.form import Item
from moeasr.corpus.forms.partition import PartitionOptions, complete_sets, set_size
from moeasr.errors import InputError


def items(num_speakers: int, num_each: int, has_speakers: bool = True) -> list[Item]:
    return [
        Item(
            name=f"{speaker}-{number}",
            text="go",
            audio=f"{speaker}-{number}.wav",
            where="t",
            speaker=f"s{speaker:02d}" if has_speakers else None,
        )
        for speaker in range(num_speakers)
        for number in range(num_each)
    ]


def speakers(sets, name: str) -> set[str]:
    return {item.speaker for item in sets[name]}


def test_whole_speakers_go_to_dev_and_test(caplog):
    caplog.set_level(logging.INFO)
    sets = complete_sets({"all": items(20, 5)}, PartitionOptions())
    assert [len(sets[name]) for name in ("train", "dev", "test")] == [80, 10, 10]
    parts = [speakers(sets, name) for name in ("train", "dev", "test")]
    assert list(map(len, parts)) == [16, 2, 2] and len(set.union(*parts)) == 20
    assert "dev and test: taken by speaker (seed 777)" in caplog.text


def test_the_seed_alone_decides():
    corpus = items(20, 5)
    first = complete_sets({"all": corpus}, PartitionOptions(seed=1))
    assert complete_sets({"all": corpus[::-1]}, PartitionOptions(seed=1)).keys() == first.keys()
    again = complete_sets({"all": corpus[::-1]}, PartitionOptions(seed=1))
    assert speakers(again, "dev") == speakers(first, "dev")
    assert speakers(again, "test") == speakers(first, "test")
    other = complete_sets({"all": corpus}, PartitionOptions(seed=2))
    assert speakers(other, "dev") != speakers(first, "dev")


def test_sets_of_the_corpus_stay(caplog):
    test = items(1, 3)
    sets = complete_sets({"train": items(10, 2), "test": test}, PartitionOptions(dev_size=4))
    assert sets["test"] == test
    assert len(sets["dev"]) == 4 and len(sets["train"]) == 16
    whole = {"train": items(3, 1), "dev": items(1, 1), "test": test}
    assert complete_sets(whole, PartitionOptions()) == whole


def test_without_speakers_recordings_are_split(caplog):
    sets = complete_sets({"all": items(1, 40, has_speakers=False)}, PartitionOptions(0.25, 5))
    assert [len(sets[name]) for name in ("train", "dev", "test")] == [25, 10, 5]
    assert (
        "the corpus does not name the speaker of every utterance; it is split by recording, and a "
        "speaker may be in several sets" in caplog.text
    )


def test_too_few_speakers_are_shared_with_a_warning(caplog):
    sets = complete_sets({"all": items(2, 20)}, PartitionOptions())
    assert [len(sets[name]) for name in ("train", "dev", "test")] == [32, 4, 4]
    assert "has only 2 speakers, too few for a split by speaker" in caplog.text


def test_a_large_speaker_is_passed_over_and_someone_is_always_left_to_train_on():
    corpus = [*items(1, 50), *items(5, 2)[2:]]  # s00 has 50 of 58
    sets = complete_sets({"all": corpus}, PartitionOptions(4, 4))
    assert "s00" in speakers(sets, "train") and len(sets["dev"]) == len(sets["test"]) == 4
    sets = complete_sets({"all": items(3, 2)}, PartitionOptions(0.9, 0.9))
    assert [len(sets[name]) for name in ("train", "dev", "test")] == [2, 2, 2]


def test_a_corpus_of_nothing_or_of_two_recordings_is_refused():
    with pytest.raises(InputError, match="has no utterances to train on"):
        complete_sets({"test": items(1, 1)}, PartitionOptions())
    with pytest.raises(InputError, match="2 recordings, too few for 3 sets"):
        complete_sets({"all": items(1, 2)}, PartitionOptions())


def test_sizes_are_shares_or_numbers():
    assert (set_size("0.2"), set_size("30"), set_size("1")) == (0.2, 30.0, 1.0)
    for text in ("0", "-1", "1.5", "x", "nan", "inf"):
        with pytest.raises(argparse.ArgumentTypeError, match="a share below 1 or a number"):
            set_size(text)
