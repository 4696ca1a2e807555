"""How an entry point speaks in the name of the shell script that started it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from moeasr.errors import InputError

Say = Callable[[str], None]
"""Prints one message to standard output, behind the script's name."""


def _say(script: str, message: str) -> None:
    colon = "" if message.startswith("[info]") else ":"  # Kaldi's form
    # Flushed, since the scripts that follow in a chain write to the same terminal or log.
    print(f"{script}{colon} {message}", flush=True)


@contextmanager
def speaking_as(script: str) -> Iterator[Say]:
    """Yield a `Say`; an InputError of the block ends the program with status 1 and its sentence.

    Args:
        script: `$0` of the calling script, as Kaldi's messages begin with it.
    """
    try:
        yield lambda message: _say(script, message)
    except InputError as error:
        sys.exit(f"{script}: {error}")
