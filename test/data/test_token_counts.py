"""Token counts, which are cached until the text or the tokenizer changes."""

import numpy as np
import pytest

from moeasr.data import token_counts
from moeasr.data.token_counts import CACHE_NAME, TokenCounts, count_tokens
from moeasr.datadir.table import Table
from moeasr.errors import InputError


class Letters:
    """A tokenizer of lower-case letters that rejects `!` and counts its calls."""

    def __init__(self, name="letters"):
        self.name = name
        self.num_calls = 0

    def encode(self, text):
        self.num_calls += 1
        if "!" in text:
            raise InputError("no shouting")
        return [ord(c) - 94 if c.islower() else 1 for c in text]

    def unknown(self, text):
        return [c for c in text if not c.islower()]

    def state(self):
        return {"name": self.name}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(token_counts, "CACHED_FROM_UTTS", 4)
    # here, where calls are seen, not in other processes
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0})
    (tmp_path / "text").write_text("a abb\nb\nc aXYb\nd a!\n")
    return tmp_path / "text"


def check(counts: TokenCounts) -> None:
    assert counts.num_tokens.tolist() == [3, 0, 4, -1]
    assert counts.num_repeats.tolist() == [1, 0, 1, 0]
    assert counts.has_unknown.tolist() == [False, False, True, False]


def test_counts_are_kept_and_found_again(path):
    first, again = Letters(), Letters()
    check(count_tokens(Table(path), first))
    check(count_tokens(Table(path), again))
    assert (first.num_calls, again.num_calls) == (4, 0)


def test_several_processes_count_the_same(path, monkeypatch):
    monkeypatch.setattr(token_counts, "UTTS_AT_ONCE", 3)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    tokenizer = Letters()
    check(count_tokens(Table(path), tokenizer))
    assert tokenizer.num_calls == 0  # but in the others' copies


def test_small_sets_leave_no_file(path):
    path.write_text("a abb\nb ab\n")
    count_tokens(Table(path), Letters())
    assert [item.name for item in path.parent.iterdir()] == ["text"]


def test_other_texts_or_units_are_counted_again(path):
    count_tokens(Table(path), Letters())
    for text, name in (("a abb\nb\nc aXYc\nd a!\n", "letters"), ("a abb\nb\nc aXYc\nd a!\n", "x")):
        path.write_text(text)
        tokenizer = Letters(name)
        check(count_tokens(Table(path), tokenizer))
        assert tokenizer.num_calls == 4


def encrypt(content):
    """Set the encryption flag in the directory entry of the first file."""
    at = content.index(b"PK\x01\x02") + 8
    return content[:at] + b"\x01" + content[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [lambda _: b"", lambda _: b"PK\x03\x04 no zip", lambda content: content[:300], encrypt],
)
def test_a_damaged_file_is_made_again(path, damage):
    count_tokens(Table(path), Letters())
    kept = path.with_name(CACHE_NAME)
    kept.write_bytes(damage(kept.read_bytes()))
    for num_calls in (4, 0):
        tokenizer = Letters()
        check(count_tokens(Table(path), tokenizer))
        assert tokenizer.num_calls == num_calls


def test_a_directory_that_takes_no_file_is_no_fault(path, monkeypatch):
    def refuse(*arguments, **settings):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(np, "savez", refuse)
    check(count_tokens(Table(path), Letters()))
    assert [item.name for item in path.parent.iterdir()] == ["text"]
