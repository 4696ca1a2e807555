"""Utterances of a data directory: their audio, segments and columns."""

import dataclasses
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from moeasr.datadir import utterances as utterances_module
from moeasr.datadir.segment_rule import RULE
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import Utterance, open_utterances
from moeasr.errors import InputError


@pytest.fixture
def wav_scp(tmp_path: Path) -> Path:
    path = tmp_path / "wav.scp"
    path.write_text("rec2 cat b.wav |\nrec1 with space.wav\n")
    return path


def test_without_segments_recordings_are_utterances(wav_scp: Path) -> None:
    assert list(open_utterances(wav_scp)) == [
        Utterance("rec2", None, "", "cat b.wav |"),
        Utterance("rec1", None, "", "with space.wav"),
    ]


@pytest.mark.parametrize("rows_at_once", [1, 2, 100])
def test_segments_name_their_recordings_entry_and_times(
    wav_scp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(utterances_module, "ROWS_AT_ONCE", rows_at_once)
    segments = tmp_path / "segments"
    segments.write_text("u1 rec1 0 1.5\nu2 rec2 2.25 -1\nu3 rec1 1.5 3\n")
    utterances = open_utterances(wav_scp, segments)
    assert list(utterances) == [
        Utterance("u1", None, "", "with space.wav", 0.0, 1.5),
        Utterance("u2", None, "", "cat b.wav |", 2.25, -1.0),
        Utterance("u3", None, "", "with space.wav", 1.5, 3.0),
    ]
    assert utterances.recordings.tolist() == [1, 0, 1]
    segments.write_text("u1 rec1 0 1.5\nu2 rec2 2.25 -1\nu3 rec3 1.5 3\n")
    with pytest.raises(InputError, match=r"recording rec3 of utterance u3 is not in .*wav.scp"):
        open_utterances(wav_scp, segments)
    segments.write_text("")
    with pytest.raises(InputError, match="segments contains no utterances$"):
        open_utterances(wav_scp, segments)


def test_other_spaces_than_plain_ones_belong_to_names(tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text("rec\u00a01 a\u3000.wav\u00a0\n", encoding="utf-8")
    (tmp_path / "segments").write_text("u1 rec\u00a01 0 1.5\n", encoding="utf-8")
    (utterance,) = open_utterances(tmp_path / "wav.scp", tmp_path / "segments")
    assert utterance == Utterance("u1", None, "", "a\u3000.wav\u00a0", 0.0, 1.5)


@pytest.mark.parametrize(
    "fields",
    [
        *("rec1", "rec1 0.5", "rec1 0 1 2", "rec1 x y"),
        *("rec1 nan 1", "rec1 0 nan", "rec1 -inf 1", "rec1 0 inf", "rec1 inf -1"),
        *("rec1 2 1", "rec1 1 1", "rec1 -0.5 1", "rec1 0 -0.5", "rec1 -1 -1"),
    ],
)
def test_one_rule_holds_for_segments(wav_scp: Path, tmp_path: Path, fields: str) -> None:
    segments = tmp_path / "segments"
    segments.write_text(f"u1 {fields}\n")
    with pytest.raises(InputError) as error:
        open_utterances(wav_scp, segments)
    assert str(error.value) == f"{segments}: malformed line 'u1 {fields}': {RULE}"


def test_missing_files_are_named(wav_scp: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        open_utterances(tmp_path / "nowhere", None)
    with pytest.raises(InputError, match="nowhere"):
        open_utterances(wav_scp, tmp_path / "nowhere")


def test_finding_a_few_utterances_takes_no_memory_for_the_others(tmp_path: Path) -> None:
    (tmp_path / "feats.scp").write_text("".join(f"u{n:06} a.ark:{n}\n" for n in range(50_000)))
    utterances = open_utterances(tmp_path / "feats.scp").select(np.arange(0, 50_000, 2))
    keys = np.array([b"u049998", b"u000003", b"u000000"])
    expected = [24_999, -1, 0]
    assert utterances.indices_of(keys).tolist() == expected  # sorts the keys once
    tracemalloc.start()
    assert utterances.indices_of(keys).tolist() == expected
    assert tracemalloc.get_traced_memory()[1] < 50_000
    tracemalloc.stop()


def test_an_empty_selection_has_no_utterances(wav_scp: Path) -> None:
    none = open_utterances(wav_scp).select(np.arange(0))
    assert none.indices_of(np.array([b"rec1"])).tolist() == [-1]


def test_columns_follow_a_selection(wav_scp: Path, tmp_path: Path) -> None:
    segments, text = tmp_path / "segments", tmp_path / "text"
    segments.write_text("u1 rec1 0 1.5\nu2 rec2 2.25 -1\nu3 rec1 1.5 3\n")
    text.write_text("u3 C\nu1 A\n")
    utterances = dataclasses.replace(
        open_utterances(wav_scp, segments),
        num_frames=np.array([150, 80, 149]),
        languages=np.array([0, 1, 1]),
    ).with_texts(Table(text))
    assert [utterance.text for utterance in utterances] == ["A", "", "C"]
    chosen = utterances.select(np.array([0, 2]))
    assert list(chosen) == [
        Utterance("u1", None, "A", "with space.wav", 0.0, 1.5, 150, 0),
        Utterance("u3", None, "C", "with space.wav", 1.5, 3.0, 149, 1),
    ]
    assert chosen.utt_ids.tolist() == [b"u1", b"u3"]
    keys = np.array([b"u3", b"u2", b"zz"])
    assert chosen.indices_of(keys).tolist() == [1, -1, -1]
    assert utterances.indices_of(keys).tolist() == [2, 1, -1]
    # of the lines "u1 150 0" and "u3 149 1"
    assert chosen.digest() == "e72860e100c678c54fc030bcb283c03e2a627c4a9d6499d7bbfbb6d8846b16fc"


def test_the_digest_of_transcripts_is_that_of_the_chosen_ones(
    wav_scp: Path, tmp_path: Path
) -> None:
    utterances = open_utterances(wav_scp)
    assert utterances.text_digest() == ""

    def digest(text: str) -> str:
        (tmp_path / "text").write_text(text)
        chosen = utterances.select(np.arange(1)).with_texts(Table(tmp_path / "text"))
        assert chosen.utt_ids.tolist() == [b"rec2"]
        return chosen.text_digest()

    first = digest("rec2 yes\nrec1 no\n")
    assert digest("rec1 other\nrec2 yes\n") == first
    assert digest("rec2 no\nrec1 yes\n") != first


def test_an_utterance_takes_few_bytes_beside_its_name(tmp_path: Path) -> None:
    """Equal keys of two tables exist once, and lines are numbered in 32 bits."""
    names = [f"u{number:04d}" for number in range(1000)]
    for table in ("shards.scp", "text", "some"):
        lines = names if table != "some" else names[1:]
        (tmp_path / table).write_text("".join(f"{name} x\n" for name in lines))
    texts, some = Table(tmp_path / "text"), Table(tmp_path / "some")
    utterances = open_utterances(tmp_path / "shards.scp").with_texts(texts)
    assert texts.keys is utterances.entries.keys
    assert utterances.rows.itemsize == utterances.text_rows.itemsize == 4
    utterances = utterances.with_texts(some)
    assert some.keys is not utterances.entries.keys
    assert utterances.text_rows.tolist() == [-1, *range(999)]
    assert [u.text for u in utterances][:2] == ["", "x"]
