"""Entry points: one module per command, called by `moeasr x` or `python -m moeasr.bin.x`."""

import io
import os
import shlex
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import moeasr
from moeasr.errors import InputError, LostContactError, describe, is_out_of_memory
from moeasr.rank_report import Kind, send_report
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
    except LostContactError as error:
        _end(program, str(error), "lost")
    except InputError as error:
        _end(program, str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "moeasr").partition(".")[0]
        if package == "moeasr":
            raise
        advice = "in a recipe's directory, `. ./path.sh` sets up a Python that has all packages"
        _end(program, f"{sys.executable} lacks the package {package}; {advice}")
    except BrokenPipeError:  # `moeasr ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        culprit = f"{error.filename}: " if error.filename else ""
        _end(program, f"{culprit}{error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not is_out_of_memory(error):
            send_report("failed", f"{describe(error)}; its traceback appears above")
            raise
        cause = str(error).strip().partition("\n")[0] or "Python"
        advice = "use smaller batches, shorter utterances, a smaller model or fewer processes"
        _end(program, f"out of memory ({cause}); {advice}")
    except Terminated:
        if not send_report("stopped", "stopped by SIGTERM"):
            # One write, because several processes share the terminal.
            sys.stderr.write(f"{program}: stopped by SIGTERM\n")
            sys.stderr.flush()
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(128 + signal.SIGTERM)  # does not wait for threads, which may wait for programs


def typed_command(name: str, argv: list[str] | None) -> str:
    """Return the command line that makes the same call of an entry point again.

    Args:
        name: Name of its module.
        argv: The arguments of its `main`; None are those of the process.
    """
    return shlex.join(
        ["python3", "-m", f"moeasr.bin.{name}", *(sys.argv[1:] if argv is None else argv)]
    )


def _end(program: str, sentence: str, kind: Kind = "failed") -> NoReturn:
    """Exit with status 1 after one sentence, which the launcher prints if there is one."""
    sys.exit(1 if send_report(kind, sentence) else f"{program}: {sentence}")


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
