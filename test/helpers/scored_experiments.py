"""Directories that look like trained, decoded and scored experiments."""

import json
from pathlib import Path


def make_experiment(root: Path, system: str, seed: int, errors: list[int]) -> Path:
    """Write an experiment with ten words in each utterance and the given numbers of errors."""
    exp_dir = root / f"{system}_seed{seed}"
    score = exp_dir / "decode_test" / "attention_rescoring" / "score"
    score.mkdir(parents=True)
    lines = [f"u{n} #csid {10 - wrong} {wrong} 0 0\n" for n, wrong in enumerate(errors)]
    (score / "per_utt").write_text("".join(lines))
    record = {
        "set": "test",
        "mode": "attention_rescoring",
        "chunk_size": -1,
        "beam_size": 10,
        "wer": round(10.0 * sum(errors) / len(errors), 4),
        "cer": 2.0,
        "rtf": 0.1,
        "audio_sec": 9.0,
        "num_utts": len(errors),
        "num_words": 10 * len(errors),
        "total_params": 2_000_000,
        "active_params": 1_000_000,
        "commit": "abc",
        "config": system,
        "seed": seed,
        "device": "cpu",
        "train_command": f"train {system} {seed}",
        "command": "decode",
    }
    (exp_dir / "results.json").write_text(json.dumps([record]))
    return exp_dir


def make_three_experiments(root: Path) -> Path:
    """Write a baseline `dense` with two seeds and the better system `a_moe` with one."""
    make_experiment(root, "dense", 1, [2, 2, 2, 2])
    make_experiment(root, "dense", 2, [2, 2, 2, 3])
    make_experiment(root, "a_moe", 1, [1, 1, 1, 1])
    return root
