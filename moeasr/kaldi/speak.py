"""How an entry point speaks in the name of the shell script that started it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from moeasr.errors import InputError

Say = Callable[[str], None]
"""Prints one message behind the script's name."""


def detail(say: Say, message: str) -> None:
    """Say what went as expected, which recipes leave out unless `--verbose` is given."""
    if os.environ.get("MOEASR_QUIET") != "1":
        say(message)


def _say(script: str, message: str, stream: TextIO) -> None:
    colon = "" if message.startswith("[info]") else ":"  # Kaldi's form
    # Flushed, since the scripts that follow in a chain write to the same terminal or log.
    print(f"{script}{colon} {message}", file=stream, flush=True)


@contextmanager
def speaking_as(script: str, to_stderr: bool = False) -> Iterator[Say]:
    """Yield a `Say`; an InputError of the block ends the program with status 1 and its sentence.

    Args:
        script: `$0` of the calling script, as Kaldi's messages begin with it.
        to_stderr: Speak there, because standard output is for data.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    try:
        yield lambda message: _say(script, message, stream)
    except InputError as error:
        sys.exit(f"{script}: {error}")
