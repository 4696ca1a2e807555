"""Checkpoint files: one mapping of plain values and tensors, written whole and read back safely."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from moeasr.atomic import atomic_path
from moeasr.errors import InputError

FORMAT = "moeasr-1"
MODEL_KEYS = ("model", "config", "tokenizer", "fbank", "info")
"""What a checkpoint that can recognise speech holds."""


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

    Only tensors and plain Python values are unpickled, so a foreign file cannot run code.

    Raises:
        InputError: The file is missing, truncated, or not a moeasr checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"checkpoint {path} does not exist")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # not in torch's words, which advise to set weights_only=False, and so to run the code
        raise InputError(
            f"checkpoint {path} holds more than tensors and plain values, which may run code when "
            "it is read; it is refused (or it is no checkpoint, or damaged)"
        ) from error
    except Exception as error:  # zip and EOF errors differ by where the file was cut
        reason = f": {error.strerror}" if isinstance(error, OSError) else ""
        raise InputError(
            f"checkpoint {path} cannot be read (cut short, or not a checkpoint){reason}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is not a moeasr checkpoint (no format mark '{FORMAT}')")
    return content


def load_with_model(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint that holds a model and all that belongs to it.

    Raises:
        InputError: As `load`, or one of `MODEL_KEYS` is not there.
    """
    content = load(path)
    missing = [key for key in MODEL_KEYS if key not in content]
    if missing:
        raise InputError(f"checkpoint {path} lacks '{missing[0]}'")
    return content


def _reason(error: BaseException) -> str:
    """The first line of an error: torch appends whole paragraphs."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
