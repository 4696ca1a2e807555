"""Metadata that every checkpoint carries beside weights."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moeasr import checkpoint
from moeasr.config import to_mapping
from moeasr.experiment.config import ExperimentConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.text.tokenizer import Tokenizer
from moeasr.version import describe_commit


def checkpoint_metadata(
    config: ExperimentConfig,
    tokenizer: Tokenizer,
    fbank: FbankConfig,
    training_set: str,
    config_path: str | Path,
    overrides: Sequence[str],
    seed: int,
    command: str,
) -> dict[str, Any]:
    """Return what every checkpoint carries beside weights, so that decoding needs nothing else.

    Args:
        config: The experiment.
        tokenizer: Its units.
        fbank: Settings of its features.
        training_set: `Batches.fingerprint` of it: a resumed run must go on with the same.
        config_path: The YAML file, and ...
        overrides: ... what was changed in it; both together name the config in result tables.
        seed: Of everything random.
        command: The command line of the training.
    """
    config_name = " ".join([Path(config_path).stem, *overrides])
    return {
        "config": to_mapping(config),
        "tokenizer": dict(tokenizer.state()),
        "fbank": to_mapping(fbank),
        "seed": seed,
        "training_set": training_set,
        "teacher": _digest(config.distillation.teacher),
        "info": {
            "commit": describe_commit(),
            "seed": seed,
            "config_name": config_name,
            "train_command": command,
        },
    }


def _digest(path: str | None) -> str | None:
    """SHA-256 of a file: a teacher's name may come to stand for another."""
    if path is None:
        return None
    return hashlib.sha256(checkpoint.find_file(path).read_bytes()).hexdigest()
