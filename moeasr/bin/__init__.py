"""Entry points: one module per command, called by `moeasr x` or `python -m moeasr.bin.x`."""

import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import moeasr
from moeasr.errors import InputError
from moeasr.signals import Terminated, terminated_by_sigterm


def run(main: Callable[[], None]) -> None:
    """Call `main` of an entry point; on bad input, print one sentence and exit with status 1.

    Output is UTF-8 under every locale, as all files are. SIGTERM ends the program with one sentence
    and status 143, without half-written files. A second SIGTERM ends it immediately.
    """
    _write_utf8()
    program = os.path.basename(sys.argv[0])
    warn_of_other_checkout(program)
    try:
        with terminated_by_sigterm():
            main()
    except InputError as error:
        sys.exit(f"{program}: {error}")
    except BrokenPipeError:  # `moeasr ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        culprit = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{program}: {culprit}{error.strerror or error}")
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        sys.exit(
            f"{program}: out of memory ({str(error).strip().partition(chr(10))[0] or 'Python'}); "
            "use smaller batches, shorter utterances, a smaller model or fewer processes"
        )
    except KeyboardInterrupt:
        sys.exit(130)
    except Terminated:
        # One write, because several processes share the terminal.
        sys.stderr.write(f"{program}: stopped by SIGTERM\n")
        sys.stderr.flush()
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(128 + signal.SIGTERM)  # does not wait for threads, which may wait for programs


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory of the machine or of a GPU is exhausted, without importing torch."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


def _write_utf8() -> None:
    """Set the encoding of stdout and stderr, whatever the locale or `PYTHONIOENCODING` says.

    File names that are not UTF-8 keep their bytes, so that a shell can use them.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")


def warn_of_other_checkout(program: str) -> None:
    """Print a warning if the working directory belongs to another checkout than the running code.

    An environment runs the checkout that is installed in it, in any working directory.
    """
    running = Path(moeasr.__file__).resolve().parents[1]
    try:
        here = Path.cwd()
    except OSError:  # the working directory was removed
        return
    for root in (here, *here.parents):
        package = root / "moeasr"
        if (package / "bin" / "__init__.py").is_file() and (root / "setup.py").is_file():
            if package.resolve().parent != running:
                print(
                    f"{program}: WARNING: this runs moeasr from {running}, but the working "
                    f"directory belongs to the checkout {root}; to run that one: export "
                    f"PYTHONPATH={root}",
                    file=sys.stderr,
                )
            return
