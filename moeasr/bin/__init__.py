"""Entry points: one module per command, each `python -m moeasr.bin.x` and `moeasr x`."""

import io
import os
import sys
from collections.abc import Callable

from moeasr.errors import InputError


def run(main: Callable[[], None]) -> None:
    """Call an entry point's `main`; bad input becomes one sentence on stderr and exit status 1.

    Output is UTF-8 under every locale, as all files are.
    """
    _write_utf8()
    program = os.path.basename(sys.argv[0])
    try:
        main()
    except InputError as error:
        sys.exit(f"{program}: {error}")
    except BrokenPipeError:  # `moeasr ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        culprit = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{program}: {culprit}{error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _write_utf8() -> None:
    """Set the encoding of stdout and stderr, whatever the locale or `PYTHONIOENCODING` says.

    File names that are not UTF-8 keep their bytes, so that a shell finds the files.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
