"""Processes of one group, as torchrun would start them, for the price of one import of PyTorch.

Run as a program, this file imports modules and then forks the processes.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

TRAINING = (
    "moeasr.experiment.loss",
    "moeasr.experiment.batches",
    "moeasr.train.trainer",
    "torch._dynamo",
)
"""Modules that a training imports sooner or later; optimizers import the last one."""


class Ended(NamedTuple):
    """A process that has ended."""

    status: int
    error: str
    """Its standard error."""


def run_two_processes(
    *command: str,
    imports: Sequence[str] = ("torch",),
    timeout_sec: float = 120,
    num_processes: int = 2,
) -> list[Ended]:
    """Run a Python program as rank 0 and rank 1, and wait for both.

    Args:
        command: The program's file and its arguments, or `-m`, a module and its arguments.
        imports: Modules to import before the processes are forked.
        timeout_sec: Time limit for all processes together.
        num_processes: Number of processes, if not two.
    """
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    place["WORLD_SIZE"] = str(num_processes)
    with tempfile.TemporaryDirectory() as folder:
        launcher = subprocess.Popen(
            [sys.executable, __file__, folder, ",".join(imports), *command],
            env={**os.environ, **place},
            start_new_session=True,
        )
        try:
            assert launcher.wait(timeout_sec) == 0
        finally:
            if launcher.poll() is None:
                os.killpg(launcher.pid, signal.SIGKILL)
        statuses = json.loads(Path(folder, "statuses").read_text())
        errors = [Path(folder, f"stderr{rank}").read_text() for rank in range(num_processes)]
    return [Ended(*ended) for ended in zip(statuses, errors)]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _main(folder: str, imports: str, *command: str) -> None:
    """Fork the processes and write their statuses; the processes return with the program's end."""
    for name in imports.split(","):
        importlib.import_module(name)
    children = []
    for rank in range(int(os.environ["WORLD_SIZE"])):
        child = os.fork()
        if child == 0:
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            os.dup2(os.open(f"{folder}/stderr{rank}", os.O_WRONLY | os.O_CREAT), 2)
            _run(*command)
            return
        children.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    Path(folder, "statuses").write_text(json.dumps(statuses))


def _run(*command: str) -> None:
    """Run a program in this process."""
    sys.argv = list(command[1:] if command[0] == "-m" else command)
    if command[0] == "-m":
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    _main(*sys.argv[1:])
