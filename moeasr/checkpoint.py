"""Checkpoint files: one mapping of plain values and tensors, written whole and read back safely."""

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from moeasr.atomic import atomic_path
from moeasr.errors import InputError

FORMAT = "moeasr-1"
MODEL_KEYS = {
    "model": (),
    "config": ("model",),
    "tokenizer": ("units",),
    "fbank": ("num_mel_bins",),
    "info": (),
}
"""Sections of a checkpoint that can recognise speech, and keys that each of them must hold."""
MAX_MEL_BINS = 100_000
AVERAGE = "averaged.pt"
"""The checkpoint that stands for a directory."""


def save(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write `content` under `path`, which appears only once it is complete.

    Raises:
        InputError: The disk is full or the directory cannot be written.
    """
    try:
        # Through a handle of Python's: given a path, torch's zip writer hides why a write failed.
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            torch.save({"format": FORMAT, **content}, handle)
    except (OSError, RuntimeError) as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__cause__ or cause.__context__  # the writer complains of it in turn
        if cause is None:
            raise
        raise InputError(f"cannot write the checkpoint {path}: {_reason(cause)}") from error


def load(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    A directory stands for the `averaged.pt` in it. Only tensors and plain Python values are
    unpickled, so a foreign file cannot run code.

    Raises:
        InputError: The file is missing, truncated, or not a moeasr checkpoint.
    """
    path = find_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch asks to report pickles of other programs to it
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # not in torch's words, which advise to set weights_only=False, and so to run the code
        raise InputError(
            f"checkpoint {path} holds more than tensors and plain values, which may run code when "
            "it is read; it is refused (or it is no checkpoint, or damaged)"
        ) from error
    except Exception as error:  # zip and EOF errors differ by where the file was cut
        reason = f": {error.strerror}" if isinstance(error, OSError) else ""
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            reason = ": out of memory"
        raise InputError(
            f"checkpoint {path} cannot be read (cut short, or not a checkpoint){reason}"
        ) from error
    mark = content.get("format") if isinstance(content, dict) else None
    if isinstance(mark, str) and mark != FORMAT:
        raise InputError(
            f"checkpoint {path} was written by another version of moeasr: its format is '{mark}', "
            f"and this version reads '{FORMAT}'"
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
        InputError: There is no such file. The sentence lists the checkpoints that are there.
    """
    path = Path(path)
    directory, wanted = (path, path / AVERAGE) if path.is_dir() else (path.parent, path)
    if wanted.is_file():
        return wanted
    there = sorted(found.name for found in directory.glob("*.pt"))
    sentence = f"checkpoint {wanted} does not exist"
    if there:
        shown = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
        sentence += f"; {directory} holds {shown}"
    elif path.is_dir():
        sentence += f"; {directory} holds no checkpoint at all"
    if wanted.name == AVERAGE and any(name.startswith("epoch_") for name in there):
        sentence += f"; `moeasr average --exp-dir {directory}` makes it"
    raise InputError(sentence + (_wenet_hint(path) if path.is_dir() else ""))


def load_with_model(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint that holds a model and all that belongs to it.

    Raises:
        InputError: As `load`, or a part of `MODEL_KEYS` is missing or of another kind.
    """
    content = load(path)
    for section, keys in MODEL_KEYS.items():
        require_keys(content, section, keys, path)
    require_weights(content, path)
    units, num_mel_bins = content["tokenizer"]["units"], content["fbank"]["num_mel_bins"]
    if not isinstance(units, list) or not all(isinstance(unit, str) for unit in units):
        raise InputError(f"checkpoint {path}: 'tokenizer.units' is no list of units")
    if type(num_mel_bins) is not int or not 0 < num_mel_bins < MAX_MEL_BINS:
        raise InputError(f"checkpoint {path}: 'fbank.num_mel_bins' is {num_mel_bins!r}")
    return content


def require_weights(content: Mapping[str, Any], path: str | Path) -> None:
    """Check that a checkpoint holds tensors by name.

    Raises:
        InputError: It does not. The sentence names `path`.
    """
    require_keys(content, "model", (), path)
    for name, tensor in content["model"].items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise InputError(f"checkpoint {path}: '{name}' of its model is no tensor")


def require_keys(
    content: Mapping[str, Any], section: str, keys: Sequence[str], path: str | Path
) -> None:
    """Check that a checkpoint holds a section with some keys.

    Raises:
        InputError: It does not. The sentence names `path`, and the section or key.
    """
    if section not in content:
        raise InputError(f"checkpoint {path} lacks '{section}'")
    if not isinstance(content[section], Mapping):
        raise InputError(f"checkpoint {path}: '{section}' is not a section of keys")
    for key in keys:
        if key not in content[section]:
            raise InputError(f"checkpoint {path} lacks '{section}.{key}'")


def _wenet_hint(directory: Path) -> str:
    """Return how to import a model of WeNet's, if the directory looks like one."""
    if not (directory / "train.yaml").is_file():
        return ""
    return f"; `moeasr import-wenet --model-dir {directory}` makes one of a WeNet model"


def _reason(error: BaseException) -> str:
    """The first line of an error: torch appends whole paragraphs."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
