"""Audio files of a command line, readable and unreadable."""

import io

import numpy as np
import pytest
import soundfile

from moeasr.audio.input_files import InputFiles
from moeasr.audio.input_paths import find_input_paths
from moeasr.errors import InputError


@pytest.fixture
def paths(tmp_path):
    """Write a file of 16 kHz, a file of 8 kHz, and a file that is not audio."""
    soundfile.write(tmp_path / "a.wav", np.full(160, 0.5), 16000)
    soundfile.write(tmp_path / "b.wav", np.zeros(80), 8000)
    (tmp_path / "c.wav").write_text("no audio")
    return [str(tmp_path / name) for name in ("a.wav", "c.wav", "missing.wav", "b.wav")]


def read(files):
    """Return the samples of each file by name."""
    return {path.name: np.concatenate(list(blocks)) for path, blocks in files}


def input_files(*paths):
    return InputFiles(find_input_paths(paths), "listen")


def test_files_with_faults_are_named_and_the_others_read(paths, capsys):
    files = input_files(*paths)
    found = read(files)
    assert {name: len(samples) for name, samples in found.items()} == {paths[0]: 160, paths[3]: 80}
    assert float(found[paths[0]].mean()) == 0.5
    with pytest.raises(SystemExit) as exited:
        files.finish()
    assert exited.value.code == 1
    faults = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in faults] == ["listen", "listen"]
    assert "c.wav cannot be decoded" in faults[0] and "missing.wav: No such" in faults[1]


def test_a_fault_that_shows_later_counts(paths, capsys):
    files = input_files(paths[0])
    for _ in files:
        files.fail(InputError("too quiet"))
    with pytest.raises(SystemExit):
        files.finish()
    assert capsys.readouterr().err == "listen: too quiet\n"


def test_without_faults_nothing_is_said(paths, capsys):
    files = input_files(paths[0], paths[3])
    assert [blocks.rate_hz for _, blocks in files] == [16000, 8000]
    files.finish()
    assert capsys.readouterr() == ("", "")


def test_a_header_that_promises_too_much_is_a_warning(paths, capsys):
    with open(paths[0], "r+b") as handle:
        handle.seek(40)
        handle.write((320 + 44).to_bytes(4, "little"))  # of 320
    files = input_files(paths[0])
    assert [len(samples) for samples in read(files).values()] == [160]
    files.finish()
    assert capsys.readouterr().err.startswith(
        "listen: warning: the headers of 1 file announce more samples"
    )


def test_a_command_is_no_file_and_a_dash_is_standard_input(paths, monkeypatch, capsys):
    with open(paths[0], "rb") as handle:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(handle.read())))
    found = read(input_files(f"cat {paths[0]} |", "-"))
    assert {name: len(samples) for name, samples in found.items()} == {"-": 160}
    assert "|: No such file" in capsys.readouterr().err
