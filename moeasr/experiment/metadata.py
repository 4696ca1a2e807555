"""Metadata that every checkpoint contains beside the weights."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moeasr import checkpoint
from moeasr.config import from_mapping, to_mapping
from moeasr.config_roles import values_by_key
from moeasr.datadir.utterances import Utterances
from moeasr.experiment.config import ExperimentConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.config import ModelConfig
from moeasr.text.tokenizer import Tokenizer
from moeasr.version import describe_commit


def checkpoint_metadata(
    config: ExperimentConfig,
    tokenizer: Tokenizer,
    fbank: FbankConfig,
    training_set: Utterances | None,
    config_path: str | Path,
    overrides: Sequence[str],
    seed: int,
    command: str,
) -> dict[str, Any]:
    """Return the metadata of a checkpoint, so that decoding needs no other file.

    Args:
        config: The experiment.
        tokenizer: The tokenizer with the units.
        fbank: Settings of the features.
        training_set: The utterances of the training set, which a resumed run must have, too; None
            for a model that is not trained here.
        config_path: The YAML file. Its name and `overrides` form the name of the config in result
            tables.
        overrides: Overrides of keys in the YAML file, `a.b=value`.
        seed: Seed of all random numbers.
        command: The command line of the training.
    """
    config_name = " ".join([Path(config_path).stem, *overrides])
    return {
        "config": to_mapping(config),
        "tokenizer": dict(tokenizer.state()),
        "fbank": to_mapping(fbank),
        "seed": seed,
        "training_set": "" if training_set is None else training_set.digest(),
        "training_text": "" if training_set is None else training_set.text_digest(),
        "teacher": _digest(config.distillation.teacher),
        "info": {
            "commit": describe_commit(),
            "seed": seed,
            "config_name": config_name,
            "train_command": command,
        },
    }


def converted_metadata(
    source: Mapping[str, Any],
    model: ModelConfig,
    done: str,
    command: str,
    origin: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the metadata of a model that was made from a trained one, without training.

    Args:
        source: Content of the checkpoint of the trained model.
        model: Config of the new model.
        done: What was done, such as "densified by most_used"; the name of the config in result
            tables ends with it.
        command: The command line that made the new model.
        origin: How the new model was made, such as `{"densified_from": ...}`.
    """
    info = source["info"]
    kept = {k: v for k, v in source.items() if k not in ("model", "trainer")}
    return {
        **kept,
        "config": {**source["config"], "model": to_mapping(model)},
        "info": {
            "commit": describe_commit(),
            "seed": info.get("seed"),
            "config_name": f"{info.get('config_name', 'unknown')} {done}",
            "train_command": command,
            **origin,
            **unknown_labels(info),
        },
    }


def unknown_labels(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `info` that names labels removed by pruning: descendants lack them too."""
    return {k: v for k, v in info.items() if k == "pruned_labels"}


def _digest(path: str | None) -> str | None:
    """Return the SHA-256 of a teacher's file, because the file of that name may be replaced."""
    if path is None:
        return None
    return hashlib.sha256(checkpoint.find_file(path).read_bytes()).hexdigest()


def network_of(content: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Return the keys of a checkpoint's config that cannot change when a training is resumed.

    Args:
        content: The content of the checkpoint.
        path: Path of the checkpoint, for messages.

    Raises:
        InputError: The checkpoint contains no config of a model.
    """
    checkpoint.require_keys(content, "config", ("model",), path)
    config = from_mapping(ModelConfig, content["config"]["model"], path)
    values = values_by_key(config, "identity", "objective")
    return {f"model.{key}": value for key, value in values.items()}
