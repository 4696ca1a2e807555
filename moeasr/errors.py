"""The exception that reports bad input in one sentence, and sentences about unforeseen errors."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """A fault in what the user gave us: a file, a line, an utterance, a config key, a flag.

    The message is one clear sentence that names the culprit. Entry points print it without a
    traceback and exit with status 1; anything else that escapes is a bug of ours and shows one.
    """


def describe(error: BaseException) -> str:
    """Return the type and the text of an error, and the place where it was raised."""
    text = " ".join(traceback.format_exception_only(error)[-1].split())
    frames = traceback.extract_tb(error.__traceback__)
    return (
        f"{text} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else text
    )


@contextmanager
def naming(subject: str) -> Iterator[None]:
    """Name the subject of the block in errors that nobody foresaw, a MemoryError for instance.

    Args:
        subject: What the block works on, such as "utterance a1".

    Raises:
        InputError: The block raised anything but an `InputError` or an `OSError`, which name their
            own culprit.
    """
    try:
        yield
    except (InputError, OSError):
        raise
    except Exception as error:
        raise InputError(f"{subject}: {describe(error)}") from error
