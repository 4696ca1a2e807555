"""Archives of filter banks: their content, and messages about unusual utterances."""

import json

import numpy as np
import soundfile

from moeasr.data.fbank_job import write_fbank
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import open_utterances
from moeasr.features.fbank_config import FbankConfig


def write(folder, rates):
    """Write features of recordings of half a second by sample rate; None is a missing file."""
    lines = []
    for utt_id, rate_hz in rates.items():
        path = folder / f"{utt_id}.wav"
        if rate_hz is not None:
            soundfile.write(path, np.zeros(rate_hz // 2, dtype=np.int16), rate_hz)
        lines.append(f"{utt_id} {path}\n")
    (folder / "wav.scp").write_text("".join(lines))
    sources = open_utterances(folder / "wav.scp", None)
    output = (folder / "x.ark", str(folder / "x.scp"), False)
    return write_fbank(sources, FbankConfig(), *output, seed=0)


def test_unusual_utterances_are_counted_and_logged(tmp_path, caplog):
    report = write(tmp_path, {"a": 16000, "b": None, "c": 8000, "d": 8000})
    assert report.num_utts == 4
    assert report.skipped == {"b": f"audio file {tmp_path}/b.wav does not exist"}
    assert report.resampled == {8000: 2}
    assert report.num_overshooting == 0
    assert list(Table(tmp_path / "x.utt2num_frames")) == [(utt, "50") for utt in "acd"]
    assert list(Table(tmp_path / "x.utt2dur")) == [(utt, "0.5") for utt in "acd"]
    saved = json.loads((tmp_path / "x.report.json").read_text())
    assert saved["skipped"] == report.skipped and saved["resampled"] == {"8000": 2}
    caplog.clear()
    with caplog.at_level("INFO"):
        report.log()
    assert [record.getMessage() for record in caplog.records] == [
        "resampled 2 utterances from 8000 Hz",
        "skipped 1 utterance",
        "computed features of 3 of 4 utterances",
    ]


def test_a_job_whose_only_utterance_cannot_be_read_writes_empty_tables(tmp_path):
    """Other jobs may have read theirs; `write_tables` refuses the set if too many are missing."""
    report = write(tmp_path, {"a": None})
    assert list(report.skipped) == ["a"]
    assert (tmp_path / "x.scp").read_text() == (tmp_path / "x.utt2dur").read_text() == ""
