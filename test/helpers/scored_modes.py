"""Directories that look like decoded and scored modes."""

import json
from pathlib import Path
from typing import Any

from moeasr.score.score_dir import checksum

DECODE: dict[str, Any] = {
    "set": "test",
    "mode": "ctc_greedy_search",
    "chunk_size": -1,
    "beam_size": 10,
    "rtf": 0.01234,
    "audio_sec": 353.5,
    "wall_sec": 4.4,
    "num_threads": 2,
    "num_utts": 130,
    "total_params": 12_340_000,
    "active_params": 4_560_000,
    "commit": "abc1234",
    "config": "conf/u2pp_moe.yaml",
    "seed": 7,
    "device": "cpu",
    "checkpoint": "exp/x/averaged.pt",
    "train_command": "python -m moeasr.bin.train --set a.b=1",
    "command": "python -m moeasr.bin.decode --checkpoint exp/x/averaged.pt",
}


def make_mode(
    exp_dir: Path, folder: str, wer: float = 4.5, cer: float = 2.25, **decode: Any
) -> Path:
    """Return the directory of a mode that looks decoded and scored."""
    mode_dir = exp_dir / folder
    (mode_dir / "score").mkdir(parents=True)
    (mode_dir / "text").write_text("u1 A\n")
    (mode_dir / "decode.json").write_text(json.dumps(DECODE | decode))
    score = {
        "set": "test",
        "wer": wer,
        "wer_ci": [wer - 1, wer + 1],
        "cer": cer,
        "cer_ci": [2.0, 2.5],
        "num_utts": 130,
        "num_words": 773,
        "words": {"hits": 740, "subs": 20, "dels": 13, "ins": 2, "errors": 35},
        "hyp_sha256": checksum(mode_dir / "text"),
        "command": "python -m moeasr.bin.score --data-dir data/test",
    }
    (mode_dir / "score" / "score.json").write_text(json.dumps(score))
    return mode_dir
