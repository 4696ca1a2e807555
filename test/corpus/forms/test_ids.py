"""Ids that are made from the names in a corpus."""

import dataclasses

import pytest

from moeasr.corpus.forms.form import Item
from moeasr.corpus.forms.ids import with_ids
from moeasr.errors import InputError

A = Item(name="a", text="", audio="/x/a.wav", where="t, line 1")


def ids(*items: Item, keep: bool = False) -> list[tuple[str, str | None]]:
    return [(utt.utt_id, utt.speaker) for utt in with_ids({"train": items}, keep)["train"]]


def named(name: str, speaker: str | None) -> Item:
    return dataclasses.replace(A, name=name, speaker=speaker, audio=f"/x/{name}")


@pytest.mark.parametrize(
    ("name", "speaker", "expected"),
    [
        ("a", None, ("a", "a")),
        ("LJ001-0001", None, ("LJ001-0001", "LJ001-0001")),
        ("say  it", "zoë b", ("zoë_b-say_it", "zoë_b")),
        ("p1-7", "p1", ("p1-7", "p1")),
        ("x/y", "a-1", ("a_1-x_y", "a_1")),
        ("u", "0" * 128, (f"{'0' * 16}_4d0298e6-u", f"{'0' * 16}_4d0298e6")),
    ],
)
def test_ids_are_one_word_and_begin_with_the_speaker(name, speaker, expected):
    assert ids(named(name, speaker)) == [expected]


def test_sorting_by_utterance_sorts_by_speaker():
    """As validate_data_dir.sh requires, also if one speaker's name begins another one's."""
    made = ids(*(named("z", s) for s in ("c", "c-1", "c+", "c d", "c1")), named("c-2", None))
    assert [speaker for _, speaker in sorted(made)] == sorted(speaker for _, speaker in made)


def test_ids_of_data_directories_do_not_change():
    assert ids(named("u-1", "a-b"), keep=True) == [("u-1", "a-b")]


def test_one_id_of_two_names_is_refused():
    with pytest.raises(InputError, match=r"utterance 'a_b' appears twice \(first: t, line 1\)"):
        ids(named("a b", None), named("a_b", None))
    with pytest.raises(InputError, match="speaker 's_1' appears twice"):
        ids(named("a", "s 1"), named("b", "s-1"))
    first = dataclasses.replace(A, recording="r")
    second = dataclasses.replace(A, name="b", audio="/y/b.wav", recording="r", where="t, line 2")
    with pytest.raises(InputError, match="t, line 2: recording 'r' appears twice"):
        ids(first, second)


def test_sets_may_have_the_same_names():
    sets = with_ids({"dev": [A], "test": [A]})
    assert sets["dev"] == sets["test"]
