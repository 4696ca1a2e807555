"""Where the audio of utterances is, with and without segments."""

from pathlib import Path

import pytest

from moeasr.datadir.directory import DataDir, Segment
from moeasr.datadir.sources import Source, open_sources
from moeasr.errors import InputError


@pytest.fixture
def wav_scp(tmp_path: Path) -> Path:
    path = tmp_path / "wav.scp"
    path.write_text("rec2 cat b.wav |\nrec1 with space.wav\n")
    return path


def test_without_segments_recordings_are_utterances(wav_scp: Path) -> None:
    sources = open_sources(wav_scp)
    assert list(sources) == [
        ("rec2", Source("cat b.wav |", None, None)),
        ("rec1", Source("with space.wav", None, None)),
    ]


def test_segments_name_their_recordings_entry_and_times(wav_scp: Path, tmp_path: Path) -> None:
    segments = tmp_path / "segments"
    segments.write_text("u1 rec1 0 1.5\nu2 rec2 2.25 -1\nu3 rec1 1.5 3\n")
    assert dict(open_sources(wav_scp, segments)) == {
        "u1": Source("with space.wav", 0.0, 1.5),
        "u2": Source("cat b.wav |", 2.25, -1.0),
        "u3": Source("with space.wav", 1.5, 3.0),
    }


def test_other_spaces_than_plain_ones_belong_to_names(tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text("rec\u00a01 a\u3000.wav\u00a0\n", encoding="utf-8")
    (tmp_path / "segments").write_text("u1 rec\u00a01 0 1.5\n", encoding="utf-8")
    sources = open_sources(tmp_path / "wav.scp", tmp_path / "segments")
    assert dict(sources) == {"u1": Source("a\u3000.wav\u00a0", 0.0, 1.5)}
    assert DataDir(tmp_path).segments == {"u1": Segment("rec\u00a01", 0.0, 1.5)}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("u1 rec1 0.5", "utterance u1 must have `recording start end`, but has `rec1 0.5`"),
        ("u1 rec1 x y", "utterance u1 must have `recording start end`"),
        *((f"u1 rec1 {times}", "utterance u1 must have") for times in ("nan 1", "0 nan", "-inf 1")),
        ("u1 other 0 1", "recording other of u1 is not in .*wav.scp"),
    ],
)
def test_a_malformed_segment_is_named(
    wav_scp: Path, tmp_path: Path, line: str, message: str
) -> None:
    segments = tmp_path / "segments"
    segments.write_text(line + "\n")
    with pytest.raises(InputError, match=f"{segments}.*{message}"):
        open_sources(wav_scp, segments)


def test_missing_files_are_named(wav_scp: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        open_sources(tmp_path / "nowhere", None)
    with pytest.raises(InputError, match="nowhere"):
        open_sources(wav_scp, tmp_path / "nowhere")
