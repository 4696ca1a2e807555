"""Start the processes of a training, as `torchrun` does.

If a process fails, is killed or hangs, the others are stopped, and one message says which process
failed and why. All options of torchrun are accepted; `python3 -m torch.distributed.run --help`
lists them.
"""

import argparse
import difflib
import logging
import pkgutil
import re
import signal
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from moeasr import bin as entry_points
from moeasr.bin import run
from moeasr.errors import InputError
from moeasr.limits import num_processes
from moeasr.parser import Parser
from moeasr.rank_watch import watched_ranks
from moeasr.rendezvous import Meeting

EPILOG = """example:
  moeasr launch --standalone --nproc_per_node 2 -m moeasr.bin.train --config conf/dense.yaml ...
With several machines, `run.sh --nnodes` makes the call on each of them."""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of `--help`; torchrun parses the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--standalone", action="store_true", help="training on this machine only")
    add(
        "--nproc_per_node",
        metavar="N",
        help="number of processes on this machine, such as one per GPU (default: 1)",
    )
    add("-m", dest="module", metavar="MODULE", help="Python module to run, followed by its options")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the processes until all have ended or one has failed."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] in (["-h"], ["--help"]):
        get_parser().print_help()
        return
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous import RendezvousError

    options = torchrun.parse_args(arguments)
    _check_num_processes(options.nproc_per_node)
    if not re.fullmatch(r"[1-9][0-9]*(:[1-9][0-9]*)?", options.nnodes):
        raise InputError(f"--nnodes must be a number of machines, but is '{options.nnodes}'")
    if not options.no_python:
        _check_program(options.training_script, options.module)
    logging.disable(logging.ERROR)  # torchrun would repeat the message below in many lines
    meeting = Meeting(options.rdzv_endpoint, options.nnodes, options.rdzv_conf)
    options.local_addr = options.local_addr or meeting.arrive()
    try:
        with watched_ranks() as watch:
            torchrun.run(options)
    except ChildFailedError as error:
        if {failure.exitcode for failure in error.failures.values()} == {128 + signal.SIGTERM}:
            sys.exit(128 + signal.SIGTERM)  # all processes have saved, as if SIGTERM came here
        raise InputError(watch.describe(error.failures)) from None
    except RendezvousError as error:
        raise InputError(meeting.describe(error)) from None
    except SignalException as stopped:
        sys.exit(128 + stopped.sigval)
    except (RuntimeError, ValueError, AssertionError) as error:  # inconsistent options
        raise InputError(f"the processes cannot be started: {error}") from None


def _check_num_processes(text: str) -> None:
    """Raise `InputError` unless the value of torchrun's `--nproc_per_node` is plausible."""
    if text in ("auto", "cpu", "gpu", "xpu"):
        return
    try:
        num_processes(text)
    except argparse.ArgumentTypeError as error:
        raise InputError(f"--nproc_per_node {error}") from None


def _check_program(name: str, is_module: bool) -> None:
    """Raise `InputError` if no process could find the program.

    Modules of other packages are not checked, because processes may find them elsewhere.
    """
    if is_module:
        with suppress(ModuleNotFoundError):  # of a package above the module
            if not name.startswith("moeasr.") or find_spec(name) is not None:
                return
    if not is_module and Path(name).is_file():
        return
    modules = pkgutil.iter_modules(entry_points.__path__)
    names = [module.name for module in modules if not module.ispkg]
    nearest = difflib.get_close_matches(name.rpartition(".")[2], names, n=1)
    meant = f"; did you mean -m moeasr.bin.{nearest[0]}?" if nearest else ""
    raise InputError(f"there is no {'module' if is_module else 'file'} '{name}'{meant}")


if __name__ == "__main__":
    run(main)
