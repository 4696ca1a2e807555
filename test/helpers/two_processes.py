"""Processes of one group, as torchrun would start them, for the price of one import of PyTorch.

Run as a program, this file imports modules, and then forks the processes of each call. It runs no
test itself, so that the processes of all calls start alike.
"""

import contextlib
import functools
import importlib
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe
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
        call = _Call(command, {**os.environ, **place}, os.getcwd(), folder, timeout_sec)
        forker = _start_forker(tuple(imports))
        try:
            forker.connection.send(call)
            statuses = forker.connection.recv()
        except BaseException:
            forker.connection.close()  # ends the processes
            _start_forker.cache_clear()
            raise
        assert statuses is not None, f"the processes failed to start, or ran for {timeout_sec} s"
        errors = [Path(folder, f"stderr{rank}").read_text() for rank in range(num_processes)]
    return [Ended(*ended) for ended in zip(statuses, errors)]


class _Call(NamedTuple):
    """The program of one call of `run_two_processes`, and what its processes need."""

    command: tuple[str, ...]
    environ: dict[str, str]
    cwd: str
    folder: str
    timeout_sec: float


class _Forker(NamedTuple):
    """A process that has imported modules, and forks others."""

    process: subprocess.Popen
    connection: Connection
    """It takes calls, and gives the statuses of their processes; its end ends the process."""


@functools.cache
def _start_forker(imports: tuple[str, ...]) -> _Forker:
    ours, theirs = Pipe()
    with theirs:
        number = theirs.fileno()
        command = [sys.executable, __file__, str(number), *imports]
        process = subprocess.Popen(command, pass_fds=[number], start_new_session=True)
    return _Forker(process, ours)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _serve(connection: Connection, *imports: str) -> None:
    """Answer calls until there are no more; the processes return with the end of their program."""
    for name in imports:
        importlib.import_module(name)
    while True:
        try:
            call = connection.recv()
        except EOFError:
            return
        statuses, theirs = Pipe(duplex=False)
        leader = os.fork()
        if leader == 0:
            connection.close()
            _fork(call, theirs)
            return
        theirs.close()
        while (ended := os.waitpid(leader, os.WNOHANG)) == (0, 0):
            if connection.poll(0.05):  # nobody waits for the answer any more
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(leader, signal.SIGKILL)
                return
        with statuses:
            connection.send(statuses.recv() if ended[1] == 0 else None)


def _fork(call: _Call, statuses: Connection) -> None:
    """Fork the processes of a call, send their statuses and end; return in the processes only."""
    os.setsid()
    os.environ.clear()
    os.environ.update(call.environ)
    os.chdir(call.cwd)
    children = []
    for rank in range(int(os.environ["WORLD_SIZE"])):
        child = os.fork()
        if child == 0:
            statuses.close()
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            os.dup2(os.open(f"{call.folder}/stderr{rank}", os.O_WRONLY | os.O_CREAT), 2)
            _run(*call.command)
            return
        children.append(child)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, call.timeout_sec)
    statuses.send([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
    os._exit(0)


def _run(*command: str) -> None:
    """Run a program in this process."""
    sys.argv = list(command[1:] if command[0] == "-m" else command)
    if command[0] == "-m":
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])), *sys.argv[2:])
