"""The `launch` command, whose processes end well, fail or are stopped by a signal."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from moeasr import checkpoint
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
        if distributed.rank() == 1 and how == "child":
            subprocess.Popen(["sleep", "600"])
            os._exit(3)
        if how == "good":
            return
        if distributed.rank() == 0 and how == "waiting":
            raise RuntimeError("[gloo/a.cc:78] Timed out waiting 1000ms for recv operation")
        if how == "bad":
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
        (
            "waiting",
            1,
            [
                "launch.py: process 0 lost contact with the other processes of this training; one "
                "of them hangs, or needs a larger --timeout-sec: Timed out waiting 1000ms for recv "
                "operation; process 1 did not respond"
            ],
        ),
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


def test_a_malformed_number_of_machines_is_refused(tmp_path):
    with pytest.raises(InputError, match="^--nnodes must be a number of machines, but is 'x'$"):
        main(["--nnodes", "x", str(tmp_path / "none.py")])


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


TRAINING = """
import os, resource, signal, sys
from pathlib import Path

def inflict(fault):
    if fault == "full":  # a stand-in for a full disk, which needs no rights
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    else:
        os.kill(os.getpid(), getattr(signal, fault))

def main():
    import torch
    torch.set_num_threads(1)
    sys.path.insert(0, sys.argv[1])
    from toys import ToySource, make_model, make_trainer
    from moeasr import distributed
    from moeasr.seed import seed_all
    with distributed.process_group("cpu"):
        rank, (fault, faulty_rank) = distributed.rank(), sys.argv[3].split(":")

        def at(epoch, number):
            if (epoch, number, rank) == (2, 2 + rank, int(faulty_rank)):  # before the second step
                inflict(fault)

        model = make_model()
        seed_all(6 + rank)
        source = ToySource(at, rank, world_size=2)
        make_trainer(Path(sys.argv[2]), source, model, max_epochs=2).run()

from moeasr.bin import run
run(main)
"""
NO_FAULT = "none:-1"


def train(folder, fault):
    """Train or resume in a folder, and return the exit status and the last line of the messages."""
    worker = folder.parent / "worker.py"
    worker.write_text(TRAINING)
    command = [sys.executable, "-m", "moeasr.bin.launch", "--standalone", "--nproc_per_node=2"]
    helpers = str(Path(__file__).parents[1] / "helpers")
    command += [str(worker), helpers, str(folder), fault]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The result of a training without a fault."""
    folder = tmp_path_factory.mktemp("unbroken") / "exp"
    assert train(folder, NO_FAULT) == (0, [])
    return checkpoint.load(folder / "last.pt")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("SIGKILL:0", "process 0 was killed by SIGKILL, and the others were stopped"),
        ("SIGSTOP:1", "process 1 was stopped by a signal (SIGSTOP?) and did not continue"),
        ("full:0", "process 0 failed, and the others were stopped: "),
    ],
)
def test_a_training_resumes_exactly_after_a_fault_of_a_process(tmp_path, unbroken, fault, sentence):
    """`tools/bench/stress_faults.py` inflicts such faults at random moments."""
    status, error = train(tmp_path / "exp", fault)
    assert status == 1 and len(error) == 1
    assert error[0].startswith(f"launch.py: {sentence}")
    assert train(tmp_path / "exp", NO_FAULT) == (0, [])
    resumed = checkpoint.load(tmp_path / "exp" / "last.pt")
    for name, weights in unbroken["model"].items():
        assert torch.equal(resumed["model"][name], weights), name
    for one, other in zip(unbroken["trainer"]["per_rank"], resumed["trainer"]["per_rank"]):
        assert torch.equal(one["generators"]["torch"], other["generators"]["torch"])
