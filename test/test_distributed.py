"""Rank, size, sums and the end of one process and of two."""

import signal
from datetime import timedelta

import pytest
import torch
from two_processes import run_two_processes

from moeasr import distributed
from moeasr.errors import InputError, LostContactError


def test_without_a_launcher_there_is_one_main_process(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with distributed.process_group("cpu"):
        assert (distributed.rank(), distributed.world_size()) == (0, 1)
        assert distributed.is_main()
        values = torch.tensor([1.0, 2.0])
        total = distributed.sum_over_ranks(values)
        assert torch.equal(total, values) and total is not values
        assert distributed.any_rank(True) and not distributed.any_rank(False)


def test_a_handler_of_sigterm_is_back_after_the_wait_for_other_processes(monkeypatch):
    """During the wait, SIGTERM ends a process at once: Python would not call its handler."""
    seen = []

    def nobody_comes(backend, timeout):
        seen.append((backend, timeout, signal.getsignal(signal.SIGTERM)))
        raise RuntimeError("timed out after 90 s\n  in the rendezvous")

    monkeypatch.setattr(torch.distributed, "init_process_group", nobody_comes)
    launched = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        sentence = "^process 1 lost contact with .* larger --timeout-sec: timed out after 90 s$"
        refused = pytest.raises(LostContactError, match=sentence)
        with refused, distributed.process_group("cpu", timeout_sec=90):
            raise AssertionError("there is no group")
        assert seen == [("gloo", timedelta(seconds=90), signal.SIG_DFL)]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE must be a number, but is `x`"),
        ({"WORLD_SIZE": "2"}, "RANK must be a number, but is not set"),
        ({"WORLD_SIZE": "2", "RANK": ""}, "RANK must be a number, but is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_PORT must be a number, but is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "1"}, "MASTER_ADDR must be set"),
    ],
)
def test_an_environment_that_no_launcher_made_is_one_sentence(monkeypatch, variables, fault):
    """Wrappers of some clusters set WORLD_SIZE alone."""
    for name in ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    refused = pytest.raises(InputError, match=f"environment variable {fault}")
    with refused, distributed.process_group("cpu"):
        raise AssertionError("there is no group")


def test_a_device_that_is_not_there_is_one_sentence(monkeypatch):
    assert distributed.find_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="must be cpu or cuda, but is 'gpu'"):
        distributed.find_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="PyTorch sees no GPU on this machine"):
        distributed.find_device("cuda")


def test_each_process_needs_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert distributed.find_device("cuda") == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(InputError, match="process 2 has no GPU of its own: this machine shows 2"):
        distributed.find_device("cuda")
    monkeypatch.delenv("LOCAL_RANK")
    assert distributed.find_device("cuda") == torch.device("cuda", 0)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="LOCAL_RANK must be a number, but is not set"):
        distributed.find_device("cuda")


def test_a_gpu_by_its_number_is_for_one_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert distributed.find_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(InputError, match="^device 'cuda:2': this machine shows 2 GPUs$"):
        distributed.find_device("cuda:2")
    monkeypatch.setenv("WORLD_SIZE", "2")  # of which the other one is on another machine
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert distributed.find_device("cuda:1") == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(InputError, match="^device 'cuda:0': each process needs a GPU of its own"):
        distributed.find_device("cuda:0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # as `srun --gpus-per-task=1` does
    assert distributed.find_device("cuda:0") == torch.device("cuda", 0)


def test_a_collective_operation_that_fails_anywhere_is_one_sentence(monkeypatch):
    """Sharded layers communicate inside their forward and backward passes."""
    variables = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for name in ("init_process_group", "destroy_process_group"):
        monkeypatch.setattr(torch.distributed, name, lambda *args, **options: None)
    sentence = "^process 1 lost contact .* failed or been killed: Connection closed by peer .*$"
    with pytest.raises(LostContactError, match=sentence), distributed.process_group("cpu"):
        raise RuntimeError("[/a/gloo/pair.cc:5] Connection closed by peer [10.0.0.1]:4\nmore")
    with pytest.raises(RuntimeError, match="^a bug$"), distributed.process_group("cpu"):
        raise RuntimeError("a bug")


GROUP_LEFT = """
import weakref
from datetime import timedelta
import torch
import torch.distributed as dist
from moeasr import distributed
with distributed.process_group("cpu", timeout_sec=77):
    group = weakref.ref(dist.group.WORLD)
    torch.optim.AdamW(torch.nn.Linear(1, 1).parameters())
    rank = distributed.rank()
    assert distributed.gather(f"value {rank}") == ["value 0", "value 1"]
    assert distributed.world_size() == 2 and distributed.is_main() == (rank == 0)
    own = torch.tensor([1.0, 10.0]) * (rank + 1)
    assert distributed.sum_over_ranks(own).tolist() == [3.0, 30.0]
    assert own.tolist() == [rank + 1.0, 10.0 * (rank + 1)]
    distributed.sum_in_place(own)
    assert own.tolist() == [3.0, 30.0]
    flags = [distributed.any_rank(flag) for flag in (False, rank == 0, rank == 1, True)]
    assert flags == [False, True, True, True]
    wait = distributed.start_sum(own)
    further = distributed.new_cpu_group()
    dist.all_reduce(other := torch.ones(1), group=further)
    wait()
    assert own.tolist() == [6.0, 60.0] and float(other) == 2.0
    store = further.get_group_store()
    assert store.timeout == timedelta(seconds=77), store.timeout
    further_group = weakref.ref(further)
    del further, store
assert further_group() is None, "the further group is still held"
assert group() is None, "the group is still held"
"""


@pytest.mark.slow
def test_two_processes_share_values_and_nothing_holds_their_group_when_they_have_left(tmp_path):
    """gloo joins its threads when the group ends; one alive at Python's exit aborts it."""
    worker = tmp_path / "worker.py"
    worker.write_text(GROUP_LEFT)
    for ended in run_two_processes(str(worker)):
        assert ended.status == 0, ended.error[-2000:]


PEER_KILLED = """
import os
import signal
import sys
import torch
from moeasr import distributed
from moeasr.bin import run

def main():
    operation = getattr(distributed, sys.argv[1])
    value = "value" if sys.argv[1] == "gather" else torch.ones(10)
    with distributed.process_group("cpu"):
        operation(value)
        if distributed.rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        while True:
            operation(value)

run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["sum_in_place", "gather"])
def test_a_process_that_is_killed_ends_the_others_with_one_sentence(tmp_path, operation):
    worker = tmp_path / "worker.py"
    worker.write_text(PEER_KILLED)
    ended = run_two_processes(str(worker), operation, timeout_sec=120)
    assert [process.status for process in ended] == [1, -9]
    [sentence] = ended[0].error.splitlines()
    assert sentence.startswith("worker.py: process 0 lost contact with the other processes")
