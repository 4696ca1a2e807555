"""The state of a training whose tensors are divided among processes, as a directory (DCP).

The tensors of which every process holds a part are written by all processes together. Any number of
processes can read them, and each reads its own part or, if it holds whole tensors, all of them.
"""

import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed import ProcessGroup
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.staging import DefaultStager, StagingOptions
from torch.distributed.checkpoint.storage import WriteResult
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.futures import Future

from moeasr import distributed
from moeasr.errors import InputError, os_error_behind
from moeasr.train.optimizer_state import stored_parameters

SEPARATOR = "/"
RECORD_MODULES = (
    "torch.distributed.checkpoint.metadata",
    "torch.distributed.checkpoint.filesystem",
)
"""Modules whose record types may appear in the metadata of a directory."""


class _MetadataUnpickler(pickle.Unpickler):
    """A reader of DCP's `.metadata`, a pickle file, that refuses everything that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a record of DCP, a data type or a path; raise `UnpicklingError` for others."""
        if (module, name) == ("builtins", "getattr"):
            return _member  # Python 3.11.0 to 3.11.3 store members of enumerations in this form
        if module not in (*RECORD_MODULES, "torch", "torch.serialization", "pathlib"):
            raise pickle.UnpicklingError(f"{module} is not allowed")  # an import may run code
        found = super().find_class(module, name)
        is_record = isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum))
        if (
            (module in RECORD_MODULES and is_record)
            or (module == "torch" and (found is torch.Size or isinstance(found, torch.dtype)))
            or (module, name) == ("torch.serialization", "_get_layout")
            or (module == "pathlib" and name in ("PosixPath", "PurePosixPath"))
        ):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def _member(enumeration: Any, name: str) -> Enum:
    """Return a member of an enumeration, and no other attribute."""
    is_enumeration = isinstance(enumeration, type) and issubclass(enumeration, Enum)
    if not is_enumeration or name not in enumeration.__members__:
        raise pickle.UnpicklingError("getattr is allowed for members of enumerations only")
    return enumeration[name]


class Split(NamedTuple):
    """A nested mapping without its sharded tensors, and these tensors."""

    plain: dict[Any, Any]
    """The mapping without sharded tensors."""
    shards: dict[str, Tensor]
    """Sharded tensors by their paths in the mapping."""
    aliases: dict[str, str]
    """Further paths of the same tensors."""


def split(content: Mapping[Any, Any]) -> Split:
    """Take the sharded tensors out of a nested mapping."""
    found, paths = Split({}, {}, {}), {}

    def copy(source: Mapping[Any, Any], target: dict[Any, Any], prefix: str) -> None:
        for key, value in source.items():
            path = f"{prefix}{key}"
            if isinstance(value, Mapping):
                copy(value, target.setdefault(key, {}), path + SEPARATOR)
            elif not isinstance(value, DTensor):
                target[key] = value
            elif id(value) in paths:
                found.aliases[path] = paths[id(value)]
            else:
                paths[id(value)] = path
                found.shards[path] = value.detach()

    copy(content, found.plain, "")
    return found


class _Writer(dcp.FileSystemWriter):
    """DCP's writer, with the error of the operating system as the reason of a failure.

    DCP sends errors from process to process, without the errors that led to them.
    """

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        """Write the part of this process, see `dcp.FileSystemWriter.write_data`."""
        try:
            return super().write_data(plan, planner)
        except RuntimeError as error:
            raise os_error_behind(error) or error from None


def copy_to_host(content: Split) -> Split:
    """Return a copy on the CPU, which later steps of the training do not change."""
    options = StagingOptions(
        use_pinned_memory=False,
        use_shared_memory=False,
        use_async_staging=False,
        use_non_blocking_copy=False,
    )
    return Split(*DefaultStager(options).stage(list(content)))


def write_shards(
    directory: Path, shards: Mapping[str, Tensor], group: ProcessGroup | None = None
) -> None:
    """Write sharded tensors to a directory; all processes call this function.

    Args:
        directory: The directory.
        shards: The tensors.
        group: The process group in which the processes agree; None for that of the training. A
            thread beside the training needs a group of its own: in one group, each process would
            order the operations of both differently, and the processes would wait for each other.

    Raises:
        InputError: A process cannot write its part, for example because its disk is full.
    """
    try:
        dcp.save(dict(shards), storage_writer=_Writer(directory), process_group=group)
    except CheckpointException as error:
        rank, reason = _first_failure(error)
        raise InputError(f"process {rank} cannot write {directory}: {reason}") from None


def read_shards(
    directory: Path, template_of: Callable[[str, torch.Size], Tensor | None]
) -> dict[str, Tensor]:
    """Read a directory that `write_shards` has written; all processes call this function.

    Args:
        directory: The directory.
        template_of: Function that returns a tensor of the shape and the placement that a path has
            in this process, or None if this process has no such tensor.

    Raises:
        InputError: The directory is missing, damaged or incomplete, or has other tensors.
    """
    try:
        with open(directory / ".metadata", "rb") as file:
            _MetadataUnpickler(file).load()  # DCP would run the code of a foreign pickle
        metadata = dcp.FileSystemReader(directory).read_metadata()
        tensors = {}
        for path, stored in metadata.state_dict_metadata.items():
            template = template_of(path, stored.size)
            if template is None:
                raise InputError(f"{directory} does not fit this model: it contains {path}")
            tensors[path] = torch.zeros_like(template, dtype=stored.properties.dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # DCP warns of a single process
            dcp.load(tensors, checkpoint_id=directory, no_dist=distributed.world_size() == 1)
    except (OSError, EOFError, pickle.UnpicklingError, CheckpointException) as error:
        reason = error.strerror if isinstance(error, OSError) else ""
        if isinstance(error, CheckpointException):
            reason = "{}: {}".format(*_first_failure(error))
        raise InputError(
            f"{directory} is incomplete or damaged ({reason or 'cut short'}), so the training "
            "cannot resume; restore the directory, or start another --exp-dir with `init.model` "
            "set to the latest epoch_N.pt"
        ) from None
    return tensors


def complete(
    content: dict[str, Any],
    directory: Path | None,
    aliases: Mapping[str, str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Complete the content of `last.pt` in place, in the form in which this process holds tensors.

    Args:
        content: The content of `last.pt`.
        directory: The directory of the sharded tensors; None if `content` is complete.
        aliases: Further paths of the tensors in the directory.
        model: The model, whose parameters may be sharded.
        optimizer: The optimizer of the model.

    Raises:
        InputError: See `read_shards`.
    """
    places = _Places(model, optimizer, content["trainer"]["optimizer"])
    if directory is not None:
        tensors = read_shards(directory, places.find)
        paths = {path: path for path in tensors} | dict(aliases)
        for path, source in paths.items():
            _put(content, path, tensors[source])

    def divide(tree: dict[Any, Any], prefix: str) -> None:
        for key, value in tree.items():
            if isinstance(value, dict):
                divide(value, f"{prefix}{key}{SEPARATOR}")
            elif isinstance(value, Tensor) and not isinstance(value, DTensor):
                like = places.find(f"{prefix}{key}", value.shape)
                if isinstance(like, DTensor):
                    # every process has the whole tensor and takes its part of it
                    tree[key] = distribute_tensor(
                        value.to(like.device), like.device_mesh, like.placements, src_data_rank=None
                    )

    divide(content, "")


class _Places:
    """The parameters of this process, by the paths of tensors of the same shape in `last.pt`."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, stored: Mapping[str, Any]
    ) -> None:
        self._named = dict(model.named_parameters(remove_duplicate=False))
        self._in_order = stored_parameters(stored, optimizer)

    def find(self, path: str, shape: torch.Size) -> Tensor | None:
        """Return the parameter of a path; None if there is none of this shape."""
        found = None
        match path.split(SEPARATOR):
            case ["model", name]:
                found = self._named.get(name)
            case ["trainer", "ema", name]:
                found = self._named.get(name.partition(".")[2])
            case ["trainer", "optimizer", "state", number, _] if number.isdecimal():
                if int(number) < len(self._in_order):
                    found = self._in_order[int(number)]
        return found.detach() if found is not None and found.shape == shape else None


def _put(content: dict[Any, Any], path: str, tensor: Tensor) -> None:
    """Put a tensor into a nested mapping; the numbers of parameters are integers in it."""
    *parents, name = path.split(SEPARATOR)
    for parent in parents:
        content = content.setdefault(int(parent) if parent.isdecimal() else parent, {})
    content[name] = tensor


def _first_failure(error: CheckpointException) -> tuple[int, str]:
    """Return the first process that failed and the reason."""
    rank, (cause, _) = min(error.failures.items(), key=lambda failure: failure[0])
    if isinstance(cause, OSError) and cause.strerror:
        return rank, cause.strerror
    lines = str(cause).splitlines()
    return rank, lines[0] if lines else type(cause).__name__
