"""The exception that reports bad input in one sentence, and parts of such sentences."""

import difflib
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class InputError(ValueError):
    """An error in the user's input: a file, a line, an utterance, a config key or an option.

    The message is one clear sentence that names the faulty input. Entry points print it without a
    traceback and exit with status 1. Any other exception that escapes is a bug of moeasr and shows
    a traceback.
    """


class LostContactError(InputError):
    """The end of a process because another process of the same training has ended or hangs."""


OUT_OF_MEMORY = (
    "can't allocate memory",  # PyTorch, on a CPU
    "CUDA error: out of memory",  # CUDA outside of PyTorch's allocator
    "_STATUS_ALLOC_FAILED",  # cuBLAS and cuDNN
    "Failed to CUDA malloc",  # NCCL
)
"""Texts of errors that have no class of their own."""


def not_defined(owner: type, method: str) -> NotImplementedError:
    """Return the error of a part of the user's that lacks a method of its interface."""
    return NotImplementedError(f"{owner.__module__}.{owner.__qualname__} must define `{method}`")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory of the machine or of a GPU is exhausted, without importing torch."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(text in str(error) for text in OUT_OF_MEMORY)
    )


def os_error_behind(error: BaseException) -> OSError | None:
    """Return the error of the operating system that led to an error; None if there is none.

    PyTorch's zip writer, for example, raises an error of its own after a failed write.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    return cause


def describe(error: BaseException) -> str:
    """Return the type and text of an error, and the place where it was raised."""
    text = " ".join(traceback.format_exception_only(error)[-1].split())
    frames = traceback.extract_tb(error.__traceback__)
    return (
        f"{text} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else text
    )


def did_you_mean(name: Any, known: Iterable[str], prefix: str = "") -> str:
    """Return `; did you mean 'x'?` with the known name closest to `name`, or an empty text.

    Args:
        name: The unknown name.
        known: The known names.
        prefix: A beginning that all names share, such as `--`, which does not make them similar.
    """
    own = [each.removeprefix(prefix) for each in known]
    close = difflib.get_close_matches(str(name).removeprefix(prefix), own, n=1)
    return f"; did you mean '{prefix}{close[0]}'?" if close else ""


@contextmanager
def naming(subject: str) -> Iterator[None]:
    """Name the subject of the block in the messages of unforeseen errors, such as a MemoryError.

    Args:
        subject: The object that the block works on, such as "utterance a1".

    Raises:
        InputError: The block raised an error other than an `InputError` or an `OSError`. Those two
            already name the faulty input.
    """
    try:
        yield
    except (InputError, OSError):
        raise
    except Exception as error:
        raise InputError(f"{subject}: {describe(error)}") from error
