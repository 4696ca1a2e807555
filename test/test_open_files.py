"""Files kept open for positioned reads."""

import os
import pickle

import pytest

from moeasr import open_files
from moeasr.open_files import OpenFiles


@pytest.fixture
def paths(tmp_path):
    for number in range(4):
        (tmp_path / str(number)).write_text(f"text {number}")
    return [str(tmp_path / str(number)) for number in range(4)]


def test_a_file_is_opened_once_and_read_at_any_place(paths):
    files = OpenFiles()
    descriptor = files.descriptor(paths[0])
    assert files.descriptor(paths[0]) == descriptor
    assert os.pread(descriptor, 6, 5) == b"0" and os.pread(descriptor, 4, 0) == b"text"
    assert len(files) == 1 and paths[0] in files and paths[1] not in files


def test_all_are_closed_before_there_are_too_many(paths, monkeypatch):
    monkeypatch.setattr(open_files, "MAX_OPEN_FILES", 3)
    files = OpenFiles()
    first = [files.descriptor(path) for path in paths[:3]]
    assert len(files) == 3
    files.descriptor(paths[3])
    assert len(files) == 1 and paths[0] not in files
    for descriptor in set(first) - {files.descriptor(paths[3])}:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_closed_files_are_opened_again(paths):
    files = OpenFiles()
    files.descriptor(paths[0])
    files.close()
    assert len(files) == 0
    assert os.pread(files.descriptor(paths[0]), 9, 0) == b"text 0"


def test_a_copy_in_another_process_opens_its_own(paths):
    files = OpenFiles()
    files.descriptor(paths[0])
    assert len(pickle.loads(pickle.dumps(files))) == 0


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        OpenFiles().descriptor(str(tmp_path / "none"))
