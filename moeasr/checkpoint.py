"""Checkpoint files: mappings of plain values and tensors, written atomically and read safely."""

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from moeasr.atomic import atomic_path
from moeasr.errors import InputError, is_out_of_memory, os_error_behind
from moeasr.low_rank import merge_updates

FORMAT = "moeasr-1"
MODEL_KEYS = {
    "model": (),
    "config": ("model",),
    "tokenizer": ("units",),
    "fbank": ("num_mel_bins",),
    "info": (),
}
"""Sections of a checkpoint that can recognise speech, and the keys that each must contain."""
MAX_MEL_BINS = 100_000
AVERAGE = "averaged.pt"
"""Name of the checkpoint that is read when a directory is given."""


def save(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write `content` to `path`, which appears only once it is complete.

    Raises:
        InputError: The disk is full or the directory cannot be written.
    """
    try:
        # A Python file object, because torch's own zip writer hides why a write failed.
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            torch.save({"format": FORMAT, **content}, handle)
    except (OSError, RuntimeError) as error:
        cause = os_error_behind(error)
        if cause is None:
            raise
        raise InputError(f"cannot write the checkpoint {path}: {_reason(cause)}") from error


def load(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    For a directory, `averaged.pt` in it is read. Only tensors and plain Python values are
    unpickled, so a file of unknown origin cannot run code.

    Raises:
        InputError: The file is missing, truncated, or not a moeasr checkpoint.
    """
    path = find_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about pickles of other programs
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own message advises weights_only=False, which would run the code
        raise InputError(
            f"checkpoint {path} is refused: it is damaged, is not a checkpoint, or contains more "
            "than tensors and plain values, which could run code when it is read"
        ) from error
    except Exception as error:  # the type of error depends on where the file was cut
        reason = f": {error.strerror}" if isinstance(error, OSError) else ""
        if is_out_of_memory(error):
            reason = ": out of memory"
        raise InputError(
            f"checkpoint {path} cannot be read (truncated, or not a checkpoint){reason}"
        ) from error
    mark = content.get("format") if isinstance(content, dict) else None
    if isinstance(mark, str) and mark != FORMAT:
        raise InputError(
            f"checkpoint {path} was written by another version of moeasr: its format is '{mark}', "
            f"but this version reads '{FORMAT}'"
        )
    if mark != FORMAT:
        raise InputError(
            f"{path} is not a moeasr checkpoint (no format mark '{FORMAT}')"
            f"{_wenet_hint(path.parent)}"
        )
    return content


def find_file(path: str | Path) -> Path:
    """Return the file of a checkpoint: `path` itself, or `averaged.pt` in a directory.

    Raises:
        InputError: There is no such file. The message lists the checkpoints that exist.
    """
    path = Path(path)
    directory, wanted = (path, path / AVERAGE) if path.is_dir() else (path.parent, path)
    if wanted.is_file():
        return wanted
    there = sorted(found.name for found in directory.glob("*.pt"))
    sentence = f"checkpoint {wanted} does not exist"
    if there:
        shown = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
        sentence += f"; {directory} contains {shown}"
    elif path.is_dir():
        sentence += f"; {directory} contains no checkpoints"
    if wanted.name == AVERAGE and any(name.startswith("epoch_") for name in there):
        sentence += f"; create it with `moeasr average --exp-dir {directory}`"
    raise InputError(sentence + (_wenet_hint(path) if path.is_dir() else ""))


def load_with_model(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint that contains a model with its config, units and feature settings.

    The updates of adapters are merged into the weights, so the model is that of its config.

    Raises:
        InputError: The file cannot be loaded (see `load`), or a section or key of `MODEL_KEYS` is
            missing or of the wrong type.
    """
    content = load(path)
    trainer = content.get("trainer")
    if isinstance(trainer, Mapping) and "shards" in trainer:
        raise InputError(
            f"checkpoint {path} is the state of a sharded training, whose weights are in "
            f"{Path(path).parent / 'last'}; use averaged.pt or an epoch_N.pt"
        )
    for section, keys in MODEL_KEYS.items():
        require_keys(content, section, keys, path)
    require_weights(content, path)
    units, num_mel_bins = content["tokenizer"]["units"], content["fbank"]["num_mel_bins"]
    if not isinstance(units, list) or not all(isinstance(unit, str) for unit in units):
        raise InputError(f"checkpoint {path}: 'tokenizer.units' is not a list of units")
    if type(num_mel_bins) is not int or not 0 < num_mel_bins < MAX_MEL_BINS:
        raise InputError(
            f"checkpoint {path}: 'fbank.num_mel_bins' must be an integer between 1 and "
            f"{MAX_MEL_BINS - 1}, but is {num_mel_bins!r}"
        )
    return {**content, "model": merge_updates(content["model"])}


def require_weights(content: Mapping[str, Any], path: str | Path) -> None:
    """Check that the `model` section of a checkpoint maps names to tensors of finite numbers.

    Raises:
        InputError: A value is not a tensor, or has a number that is NaN or infinite, which would
            spread to all outputs. The message names `path`.
    """
    require_keys(content, "model", (), path)
    for name, tensor in content["model"].items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise InputError(f"checkpoint {path}: '{name}' of its model is not a tensor")
        if not torch.isfinite(tensor).all():
            raise InputError(
                f"checkpoint {path}: '{name}' of its model has values that are NaN or infinite; "
                "train again, or take another checkpoint"
            )


def require_keys(
    content: Mapping[str, Any], section: str, keys: Sequence[str], path: str | Path
) -> None:
    """Check that a checkpoint contains a section with the given keys.

    Raises:
        InputError: The section or a key is missing. The message names it and `path`.
    """
    if section not in content:
        raise InputError(f"checkpoint {path} lacks '{section}'")
    if not isinstance(content[section], Mapping):
        raise InputError(f"checkpoint {path}: '{section}' is not a section of keys")
    for key in keys:
        if key not in content[section]:
            raise InputError(f"checkpoint {path} lacks '{section}.{key}'")


def _wenet_hint(directory: Path) -> str:
    """Return the command that imports a WeNet model if the directory looks like one."""
    if not (directory / "train.yaml").is_file():
        return ""
    return f"; convert a WeNet model with `moeasr import-wenet --model-dir {directory}`"


def _reason(error: BaseException) -> str:
    """Return the first line of an error, because torch appends whole paragraphs."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
