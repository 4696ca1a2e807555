"""Distributed training: rank, world size and sums over ranks, for one or more processes."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

# The functions of this module bind the process group that exists at import as a default argument.
# PyTorch would import it together with the first optimizer, during training. The group would then
# outlive `process_group`, and a gloo thread that wakes while Python exits would abort the process.
import torch.distributed.nn.functional  # noqa: F401

from moeasr.errors import InputError, LostContactError
from moeasr.limits import TIMEOUT_SEC
from moeasr.plurals import counted
from moeasr.rank_report import TIMED_OUT

COLLECTIVE_MARKS = ("gloo", "NCCL")
"""Words of the errors of collective operations, wherever PyTorch starts them."""
HOW_TO_LAUNCH = (
    "start several processes with `python3 -m moeasr.bin.launch`, or set WORLD_SIZE, RANK, "
    "LOCAL_RANK, MASTER_ADDR and MASTER_PORT"
)


def rank() -> int:
    """Return the rank of this process; 0 if it is the only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes that train together; 1 without a process group."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """Return True in the one process that writes files and logs."""
    return rank() == 0


@contextmanager
def process_group(device_type: str, timeout_sec: float = TIMEOUT_SEC) -> Iterator[None]:
    """Join the process group that `torchrun` announces in the environment, and leave it at the end.

    Without torchrun (WORLD_SIZE unset or 1), the context does nothing.

    Args:
        device_type: "cuda" selects NCCL, anything else selects gloo.
        timeout_sec: Longest time that this process waits for the others, at the start and in every
            collective operation.

    Raises:
        InputError: The environment lacks a variable that a launcher sets, the other processes do
            not appear, or one of them has ended or takes longer than `timeout_sec`.
    """
    if _env_int("WORLD_SIZE", "1") <= 1:
        yield
        return
    for name in ("RANK", "MASTER_PORT"):
        _env_int(name)
    if not os.environ.get("MASTER_ADDR"):
        raise InputError(f"the environment variable MASTER_ADDR must be set; {HOW_TO_LAUNCH}")
    # Python would run its signal handler only after the wait for the others, which may be long.
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with _one_sentence():
            backend = "nccl" if device_type == "cuda" else "gloo"
            dist.init_process_group(backend, timeout=timedelta(seconds=timeout_sec))
    finally:
        signal.signal(signal.SIGTERM, before)
    try:
        yield
    except RuntimeError as error:
        if not any(mark in str(error) for mark in COLLECTIVE_MARKS):
            raise
        raise _lost_contact(error) from None
    finally:
        dist.destroy_process_group()


def find_device(name: str) -> torch.device:
    """Return the device of this process: the CPU, or for "cuda" the GPU with its local rank.

    Raises:
        InputError: There is no such device, there are fewer GPUs than processes, several processes
            would use one, or LOCAL_RANK is not set.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"`device` must be cpu or cuda, but is '{name}'") from None
    if device.type != "cuda":
        return device
    if not torch.cuda.is_available():
        raise InputError("device 'cuda': PyTorch sees no GPU on this machine; use 'cpu'")
    is_alone, count = _env_int("WORLD_SIZE", "1") <= 1, torch.cuda.device_count()
    if device.index is None:
        number = _env_int("LOCAL_RANK", "0" if is_alone else "")
        if number >= count:
            raise InputError(
                f"process {number} has no GPU of its own: this machine shows {count}; start at "
                "most one process per GPU, or use 'cuda:0' if each process sees its own GPU only"
            )
        device = torch.device("cuda", number)
    elif count > 1 and _env_int("LOCAL_WORLD_SIZE", "1") > 1:
        raise InputError(f"device '{name}': each process needs a GPU of its own; use 'cuda'")
    elif device.index >= count:
        raise InputError(f"device '{name}': this machine shows {counted(count, 'GPU')}")
    torch.cuda.set_device(device)
    return device


def sum_over_ranks(values: torch.Tensor) -> torch.Tensor:
    """Return the element-wise sum of `values` over all ranks, as a new tensor."""
    values = values.clone()
    sum_in_place(values)
    return values


def sum_in_place(values: torch.Tensor) -> None:
    """Replace `values` by their element-wise sum over all ranks.

    Raises:
        InputError: Another process has ended. The functions after this one also raise this error.
    """
    if dist.is_initialized():
        with _one_sentence():
            dist.all_reduce(values)


def copy_from_main(values: torch.Tensor) -> None:
    """Replace `values` by those of the first process."""
    if dist.is_initialized():
        with _one_sentence():
            dist.broadcast(values, src=0)


def start_sum(values: torch.Tensor) -> Callable[[], None]:
    """Start to replace `values` by their sum over all ranks, and return a function that waits.

    Raises:
        InputError: Another process has ended. The returned function also raises this error.
    """
    with _one_sentence():
        work = dist.all_reduce(values, async_op=True)

    def wait() -> None:
        with _one_sentence():
            work.wait()

    return wait


def gather(value: Any) -> list[Any]:
    """Return the `value` of every rank in the order of ranks, on every rank."""
    values = [value]
    if dist.is_initialized():
        values = [None] * dist.get_world_size()
        with _one_sentence():
            dist.all_gather_object(values, value)
    return values


def new_cpu_group() -> dist.ProcessGroup:
    """Return a further process group of all ranks, for tensors on the CPU, within `process_group`.

    All processes call this function at the same point. `process_group` ends the further group as
    well, whose threads stop when nothing holds it.
    """
    timeout = dist.group.WORLD.get_group_store().timeout  # that of `process_group`
    with _one_sentence():
        return dist.new_group(backend="gloo", timeout=timeout)


def any_rank(flag: bool) -> bool:
    """Return True on every rank if `flag` is true on any rank."""
    if not dist.is_initialized():
        return flag
    total = torch.tensor(float(flag))
    if dist.get_backend() == "nccl":
        total = total.cuda()
    return bool(sum_over_ranks(total) > 0)


def _env_int(name: str, default: str = "") -> int:
    """Return the value of an environment variable that a process launcher sets.

    Raises:
        InputError: The variable is not a number, or is not set and has no default.
    """
    value = os.environ.get(name, default)
    if not value.isdecimal():
        found = f"is `{value}`" if value else "is not set"
        raise InputError(
            f"the environment variable {name} must be a number, but {found}; {HOW_TO_LAUNCH}"
        )
    return int(value)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn the error of a collective operation into a `LostContactError`."""
    try:
        yield
    except RuntimeError as error:
        raise _lost_contact(error) from None


def _lost_contact(error: RuntimeError) -> LostContactError:
    """Return the sentence about a collective operation that failed."""
    reason = re.sub(r"^\[[^]]*\] *", "", str(error).partition("\n")[0])  # without a line of gloo
    cause = "one of them may have failed or been killed"
    if "timed out" in reason.lower():
        cause = TIMED_OUT
    return LostContactError(
        f"process {os.environ.get('RANK', '?')} lost contact with the other processes of this "
        f"training; {cause}: {reason}"
    )
