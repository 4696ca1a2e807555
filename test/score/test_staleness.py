"""Hypotheses that are older than their model or features."""

import json
import os
from pathlib import Path

import pytest

from moeasr.score.staleness import stale_reason

DECODED_AT = 1_800_000_000_000_000_000  # nanoseconds
MILLISECOND = 1_000_000


@pytest.fixture
def mode_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("exp/attention")
    path.mkdir(parents=True)
    write(path, {"set": "test", "checkpoint": "exp/averaged.pt"})
    return path


def write(mode_dir: Path, decode: object) -> None:
    (mode_dir / "decode.json").write_text(json.dumps(decode))
    os.utime(mode_dir / "decode.json", ns=(DECODED_AT, DECODED_AT))


def touch(name: str, later: int) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).touch()
    os.utime(name, ns=(DECODED_AT + later, DECODED_AT + later))


@pytest.mark.parametrize("source", ["exp/averaged.pt", "data/test/utt2num_frames"])
def test_hypotheses_older_than_a_source_are_stale(mode_dir: Path, source: str) -> None:
    touch(source, 0)
    assert stale_reason(mode_dir) is None
    touch(source, MILLISECOND)
    assert stale_reason(mode_dir) == f"{source} is newer than the hypotheses"


def test_the_data_directory_in_decode_json_is_checked(mode_dir: Path) -> None:
    write(mode_dir, {"set": "test", "data_dir": "other/test", "checkpoint": "exp/averaged.pt"})
    touch("data/test/utt2num_frames", MILLISECOND)
    assert stale_reason(mode_dir) is None
    touch("other/test/utt2num_frames", MILLISECOND)
    assert stale_reason(mode_dir) == "other/test/utt2num_frames is newer than the hypotheses"


@pytest.mark.parametrize("decode", [{}, [], {"set": "test"}, {"set": 1, "checkpoint": 2}, None])
def test_an_incomplete_decode_json_gives_no_reason(mode_dir: Path, decode: object) -> None:
    write(mode_dir, decode)
    assert stale_reason(mode_dir) is None
    (mode_dir / "decode.json").write_text("{")
    assert stale_reason(mode_dir) is None
    (mode_dir / "decode.json").unlink()
    assert stale_reason(mode_dir) is None
