"""The `launch` command on several machines, which are several launchers on this one."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

WORKER = """
from moeasr import distributed

with distributed.process_group("cpu"):
    print(distributed.gather(distributed.rank()), flush=True)
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def machines(*ranks: int, port: int, wait_sec: int, command: list[str]):
    """Start the launcher of each machine, and end all their processes at the end."""
    started = []
    try:
        for rank in ranks:
            conf = f"is_host={int(rank == 0)},join_timeout={wait_sec}"
            options = ["--nnodes", "2", "--nproc_per_node", "1", "--rdzv_backend", "c10d"]
            options += ["--rdzv_endpoint", f"127.0.0.1:{port}", "--rdzv_id", "a"]
            launch = [sys.executable, "-m", "moeasr.bin.launch", *options, "--rdzv_conf", conf]
            pipe = subprocess.PIPE
            started.append(
                subprocess.Popen([*launch, *command], stdout=pipe, stderr=pipe, text=True)
            )
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)  # also ends the processes of the launcher
            process.communicate(timeout=120)


@pytest.mark.slow
def test_two_machines_are_one_group(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    command = [str(tmp_path / "worker.py")]
    with machines(1, 0, port=free_port(), wait_sec=400, command=command) as started:
        ended = [process.communicate(timeout=500) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    assert [output for output, _ in ended] == ["[0, 1]\n"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rank", "sentence"),
    [
        (0, "not all of the 2 machines connected to {} within 1 s; start the training on each"),
        (1, "machine 0 does not answer at {} after 1 s (Connection refused); start the training"),
    ],
)
def test_a_machine_that_never_arrives_is_one_sentence(tmp_path, rank, sentence):
    (tmp_path / "worker.py").write_text(WORKER)
    command, port = [str(tmp_path / "worker.py")], free_port()
    with machines(rank, port=port, wait_sec=1, command=command) as [alone]:
        output, error = alone.communicate(timeout=120)
    assert (alone.returncode, output) == (1, "")
    assert error.startswith("launch.py: " + sentence.format(f"127.0.0.1:{port}"))
    assert error.count("\n") == 1


@pytest.mark.slow
def test_an_endpoint_that_another_program_uses_is_one_sentence(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port, command = other.getsockname()[1], [str(tmp_path / "worker.py")]
        with machines(0, port=port, wait_sec=1, command=command) as [alone]:
            error = alone.communicate(timeout=120)[1]
    assert alone.returncode == 1 and error.count("\n") == 1
    assert error.startswith(f"launch.py: the machines cannot connect at 127.0.0.1:{port}: ")
    assert "address already in use" in error
