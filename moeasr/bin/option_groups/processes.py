"""Options of the processes of a training."""

import argparse

from moeasr.limits import TIMEOUT_SEC, num_processes, num_seconds


def add_process_options(parser: argparse.ArgumentParser) -> None:
    """Add `--device`, `--num-threads` and `--timeout-sec`."""
    add = parser.add_argument
    add("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    text = "number of CPU threads of each process (default: chosen by PyTorch)"
    add("--num-threads", type=num_processes, metavar="N", help=text)
    add(
        "--timeout-sec",
        type=num_seconds,
        default=TIMEOUT_SEC,
        metavar="N",
        help="longest time that a process waits for another one, in seconds; it must exceed the "
        "differences in reading and evaluation, and the time that the pictures of an epoch take "
        "(default: %(default)s)",
    )
