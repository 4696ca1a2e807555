"""The `launch` command, whose processes end well, fail or are stopped by a signal."""

import signal
import subprocess
import sys

import pytest

from moeasr.bin.launch import main
from moeasr.errors import InputError

WORKER = """
import os, signal, subprocess, sys, time
from moeasr import distributed
from moeasr.bin import run
from moeasr.errors import InputError

def main():
    how = sys.argv[1]
    with distributed.process_group("cpu"):
        os.write(1, b"ready\\n")  # at once: two processes share the pipe
        if distributed.rank() == 1 and how == "bad":
            raise InputError("utterance a1 is bad")
        if distributed.rank() == 1 and how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if distributed.rank() == 1 and how == "full":
            raise OSError(28, "No space left on device", "exp/last.pt")
        if distributed.rank() == 1 and how == "broken":
            raise ZeroDivisionError("by 0")
        if distributed.rank() == 1 and how == "child":
            subprocess.Popen(["sleep", "600"])
            os._exit(3)
        if how == "good":
            return
        if how in ("bad", "waiting"):
            distributed.any_rank(False)
        time.sleep(600)

run(main)
"""


def launch(directory, how):
    worker = directory / "worker.py"
    worker.write_text(WORKER)
    command = [sys.executable, "-m", "moeasr.bin.launch", "--standalone", "--nproc_per_node=2"]
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, str(worker), how], stdout=pipe, stderr=pipe, text=True)


FIRST = "launch.py: process 1 {}, and the others were stopped"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "code", "lines"),
    [
        ("good", 0, []),
        ("bad", 1, [FIRST.format("failed") + ": utterance a1 is bad"]),
        ("full", 1, [FIRST.format("failed") + ": exp/last.pt: No space left on device"]),
        ("killed", 1, [FIRST.format("was killed by SIGKILL") + "; is there enough memory?"]),
        ("child", 1, [FIRST.format("ended with status 3") + "; its own message appears above"]),
        ("terminated", 143, []),
    ],
)
def test_every_process_and_the_launcher_print_one_sentence(tmp_path, how, code, lines):
    with launch(tmp_path, how) as process:
        try:
            if how == "terminated":
                assert [process.stdout.readline() for _ in "01"] == ["ready\n"] * 2
                process.send_signal(signal.SIGTERM)
            error = process.communicate(timeout=120)[1].splitlines()
        finally:
            # SIGTERM also ends the processes of the launcher, SIGKILL would leave them behind
            process.terminate()
    assert process.returncode == code, error
    assert error == lines


@pytest.mark.parametrize("count", ["0", "-2", "100000", "many"])
def test_a_number_of_processes_out_of_range_is_refused_before_any_starts(count, tmp_path):
    with pytest.raises(InputError, match="^--nproc_per_node must be .*, but is '?" + count):
        main(["--standalone", "--nproc_per_node", count, str(tmp_path / "none.py")])


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            ["-m", "moeasr.bin.trian"],
            "module 'moeasr.bin.trian'; did you mean -m moeasr.bin.train?",
        ),
        (["-m", "moeasr.none.q"], "module 'moeasr.none.q'"),
        (["train"], "file 'train'; did you mean -m moeasr.bin.train?"),
        (["/none/x.py"], "file '/none/x.py'"),
    ],
)
def test_a_program_that_does_not_exist_is_refused_before_any_process_starts(program, message):
    with pytest.raises(InputError) as caught:
        main(["--standalone", *program])
    assert str(caught.value) == f"there is no {message}"
