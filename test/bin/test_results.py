"""The `results` command on hypotheses scored by the `score` command."""

import json
import re
from pathlib import Path

import pytest

from moeasr.bin import results, score
from moeasr.errors import InputError

DECODE = {
    "set": "test",
    "mode": "greedy",
    "chunk_size": 16,
    "beam_size": 10,
    "rtf": 0.05,
    "audio_sec": 2.0,
    "num_threads": 1,
    "total_params": 2_000_000,
    "active_params": 1_000_000,
    "commit": "abc",
    "config": "conf/dense.yaml",
    "seed": 1,
    "device": "cpu",
    "checkpoint": "exp/x/averaged.pt",
    "train_command": "python -m moeasr.bin.train",
    "command": "python -m moeasr.bin.decode",
}


def test_scored_hypotheses_become_results(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    data, exp = tmp_path / "test", tmp_path / "exp" / "dense"
    data.mkdir()
    (data / "text").write_text("a-1 ONE TWO\n")
    (data / "utt2spk").write_text("a-1 a\n")
    mode_dir = exp / "decode_test" / "greedy_chunk16"
    mode_dir.mkdir(parents=True)
    (mode_dir / "text").write_text("a-1 ONE\n")
    (mode_dir / "decode.json").write_text(json.dumps(DECODE))
    with pytest.raises(InputError, match="with hypotheses and scores"):
        results.main(["--exp-dir", str(exp)])
    assert not (exp / "RESULTS.md").exists()

    score.main(["--data-dir", str(data), "--decode-dir", str(exp / "decode_test")])
    capsys.readouterr()
    results.main(["--exp-dir", str(exp)])
    (record,) = json.loads((exp / "results.json").read_text())
    assert (record["wer"], record["dels"], record["rtf"]) == (50.0, 1, 0.05)
    assert record["wer_ci"] == [50.0, 50.0]
    page = (exp / "RESULTS.md").read_text()
    assert page.startswith("# Results of dense\n")
    row = "| **greedy** (best) | 16 | 50.00 [50.00, 50.00] | 57.14 | 0 / 1 / 0 | 0.0500 |"
    assert row in re.sub(" +", " ", page)
    printed, _, provenance = page.partition("## How these numbers were made")
    assert printed.strip() == capsys.readouterr().out.strip() and "commit" in provenance
