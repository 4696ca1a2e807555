"""Run a command, and show its log and the progress of its processes.

The exit status is that of the command. The log of an earlier run is renamed: train.log becomes
train.1.log. If another run still writes the log, nothing is run, and an error is printed. If the
environment variable MOEASR_QUIET is 1, as in recipes, the lines that a job runner (run.pl or
slurm.pl) adds to the log are not shown.
"""

import argparse
import os
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from moeasr.bin import run
from moeasr.parser import Parser

EPILOG = """example:
  moeasr watch --log log/train.log -- run.pl log/train.log python3 train.py"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--log", type=Path, metavar="FILE", help="log to show (default: none)")
    add(
        "--dir",
        type=Path,
        metavar="DIR",
        help="directory for temporary files (default: that of the log)",
    )
    text = "number of items of all jobs, for the time left (default: of those that have started)"
    add("--total", type=int, metavar="N", help=text)
    add("command", nargs="*", help="command with its arguments, after --")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run a command and show its log."""
    arguments = sys.argv[1:] if argv is None else argv
    place = arguments.index("--") if "--" in arguments else len(arguments)
    command = arguments[place + 1 :]
    parser = get_parser()
    args = parser.parse_args(arguments[:place])
    if args.command or not command:
        parser.error("the command must follow --")
    from moeasr.job_display import run_shown
    from moeasr.job_log import hold_log

    is_quiet = os.environ.get("MOEASR_QUIET") == "1"
    near = args.dir or (args.log.parent if args.log else Path())
    with (
        hold_log(args.log) if args.log else nullcontext(),
        tempfile.TemporaryDirectory(prefix=".bars.", dir=near) as bars,
    ):
        status = run_shown(command, args.log, Path(bars).resolve(), args.total, is_quiet)
    sys.exit(status)


if __name__ == "__main__":
    run(main)
