"""Several training processes, or one: rank, world size, and sums over ranks."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

# Its functions take the group that is alive when it is imported as a default argument. PyTorch
# imports it with the first optimizer: in the middle of training, the group would then outlive
# `process_group`, and a thread of gloo's that wakes while Python ends aborts the process.
import torch.distributed.nn.functional  # noqa: F401

from moeasr.errors import InputError

HOW_TO_LAUNCH = (
    "start several processes with `python3 -m moeasr.bin.launch`, or set WORLD_SIZE, RANK, "
    "LOCAL_RANK, MASTER_ADDR and MASTER_PORT"
)


def rank() -> int:
    """This process's number; 0 when there is only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together; 1 when there is only one."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """True in the one process that writes files and logs."""
    return rank() == 0


@contextmanager
def process_group(device_type: str) -> Iterator[None]:
    """Join the process group that `torchrun` announces in the environment, and leave it after.

    Started without torchrun (no WORLD_SIZE, or 1) it does nothing.

    Args:
        device_type: "cuda" uses NCCL, anything else gloo.

    Raises:
        InputError: The environment lacks a variable that a launcher sets, or the other processes do
            not come.
    """
    if _env_int("WORLD_SIZE", "1") <= 1:
        yield
        return
    for name in ("RANK", "MASTER_PORT"):
        _env_int(name)
    if not os.environ.get("MASTER_ADDR"):
        raise InputError(f"the environment variable MASTER_ADDR must be set; {HOW_TO_LAUNCH}")
    # Python calls its handlers of signals after the wait for the others only, which may be long.
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with _one_sentence():
            dist.init_process_group("nccl" if device_type == "cuda" else "gloo")
    finally:
        signal.signal(signal.SIGTERM, before)
    try:
        yield
    finally:
        dist.destroy_process_group()


def find_device(name: str) -> torch.device:
    """The device of this process: the CPU, or with "cuda" the GPU of its number on its machine.

    Raises:
        InputError: No such device, not as many GPUs as processes, or no LOCAL_RANK to tell them
            apart.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"`device` must be cpu or cuda, but is '{name}'") from None
    if device.type != "cuda":
        return device
    if not torch.cuda.is_available():
        raise InputError("device 'cuda': no GPU is visible here")
    if device.index is None:
        is_alone = _env_int("WORLD_SIZE", "1") <= 1
        number, count = _env_int("LOCAL_RANK", "0" if is_alone else ""), torch.cuda.device_count()
        if number >= count:
            raise InputError(f"process {number} has no GPU of its own: {count} are visible here")
        device = torch.device("cuda", number)
    torch.cuda.set_device(device)
    return device


def sum_over_ranks(values: torch.Tensor) -> torch.Tensor:
    """The element-wise sum of `values` over all ranks (a new tensor)."""
    values = values.clone()
    sum_in_place(values)
    return values


def sum_in_place(values: torch.Tensor) -> None:
    """Replace `values` by their element-wise sum over all ranks.

    Raises:
        InputError: Another process has ended; likewise for all functions below.
    """
    if dist.is_initialized():
        with _one_sentence():
            dist.all_reduce(values)


def gather(value: Any) -> list[Any]:
    """`value` of every rank, in the order of ranks, on every rank."""
    values = [value]
    if dist.is_initialized():
        values = [None] * dist.get_world_size()
        with _one_sentence():
            dist.all_gather_object(values, value)
    return values


def any_rank(flag: bool) -> bool:
    """True everywhere if `flag` is true on any rank."""
    if not dist.is_initialized():
        return flag
    total = torch.tensor(float(flag))
    if dist.get_backend() == "nccl":
        total = total.cuda()
    return bool(sum_over_ranks(total) > 0)


def _env_int(name: str, default: str = "") -> int:
    """Return a number that a launcher of processes sets.

    Raises:
        InputError: It is absent, and there is no default; or it is no number.
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
    """Turn the error of an operation of all processes into an `InputError`."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"process {os.environ.get('RANK', '?')} lost the other processes of this training, one "
            f"of which may have failed or been killed: {reason}"
        ) from None
