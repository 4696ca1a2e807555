"""Files that appear only when complete."""

import os

import pytest

from moeasr.atomic import atomic_path


def test_a_finished_file_takes_its_name_and_nothing_else_is_left(tmp_path):
    target = tmp_path / "new" / "out.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole" and os.listdir(target.parent) == ["out.txt"]


def test_a_failure_leaves_the_old_file_and_no_half_of_the_new(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["out.txt"]


def test_a_failed_write_names_the_file(tmp_path):
    with pytest.raises(OSError) as caught, atomic_path(tmp_path / "out.txt"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "out.txt")
