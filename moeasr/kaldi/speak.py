"""Messages in the name of the shell script that started an entry point."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from moeasr.errors import InputError

Say = Callable[[str], None]
"""A function that prints a message after the script's name."""


def detail(say: Say, message: str) -> None:
    """Print a message about routine work, which recipes suppress unless `--verbose` is given."""
    if os.environ.get("MOEASR_QUIET") != "1":
        say(message)


def _say(script: str, message: str, stream: TextIO) -> None:
    colon = "" if message.startswith("[info]") else ":"  # as in Kaldi
    # Flush, because other scripts write to the same terminal or log.
    print(f"{script}{colon} {message}", file=stream, flush=True)


@contextmanager
def speaking_as(script: str, to_stderr: bool = False) -> Iterator[Say]:
    """Yield a `Say`; an `InputError` in the block ends the program with its message and status 1.

    Args:
        script: `$0` of the calling script, which precedes each message, as in Kaldi.
        to_stderr: True to print to standard error, for scripts that write data to standard output.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    try:
        yield lambda message: _say(script, message, stream)
    except InputError as error:
        sys.exit(f"{script}: {error}")
