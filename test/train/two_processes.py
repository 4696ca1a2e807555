"""Two processes of one group, as torchrun would start them, without a third one for torchrun."""

import os
import socket
import subprocess
import sys
from typing import NamedTuple


class Ended(NamedTuple):
    """A process that has ended."""

    status: int
    error: str
    """What it wrote to stderr."""


def run_two_processes(*arguments: str, timeout_sec: float = 120) -> list[Ended]:
    """Run `python <arguments>` as rank 0 and rank 1, and wait for both."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **place, "RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    try:
        errors = [process.communicate(timeout=timeout_sec)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [Ended(process.returncode, error) for process, error in zip(processes, errors)]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
