"""Agreement of the processes of one training: the same config, the same inputs, the same weights.

Each process reads its own config, data and checkpoints, perhaps on a machine of its own. Where
they differ, gradients of different models or of different sets would be summed without an error.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from moeasr import distributed
from moeasr.errors import InputError
from moeasr.train.resume import find_changes


def check_same_config(config: Mapping[str, Any]) -> None:
    """Raise `InputError` on all processes if the config of one differs from that of process 0.

    Args:
        config: The complete config as nested mappings.
    """
    first, *others = distributed.gather(config)
    for number, other in enumerate(others, start=1):
        for change in find_changes(other, first):
            if repr(change.old) == repr(change.new):  # NaN
                continue
            theirs, mine = change.shown()
            raise _refusal(
                f"`{change.key}` is {theirs} in process {number}, but {mine} in process 0"
            )


def check_same_inputs(inputs: Mapping[str, Any]) -> None:
    """Raise `InputError` on all processes if an input of one differs from that of process 0.

    Args:
        inputs: Values by what they describe, such as "training set". Numbers are shown in the
            message; other values may be digests.
    """
    first, *others = distributed.gather(inputs)
    for number, other in enumerate(others, start=1):
        for name, mine in first.items():
            if other[name] != mine:
                values = f" ({other[name]}, not {mine})" if isinstance(mine, int) else ""
                raise _refusal(f"process {number} has another {name} than process 0{values}")


def share_weights(model: nn.Module) -> None:
    """Replace the parameters and buffers of every process by those of process 0.

    Initial values drawn on processors of different kinds may differ in rounding, and a file of
    `init.model` may differ between machines.

    Args:
        model: The model, on the device of its process; not sharded.
    """
    if distributed.world_size() > 1:
        for tensor in dict.fromkeys(model.state_dict(keep_vars=True).values()):
            distributed.copy_from_main(tensor.data)


def _refusal(fault: str) -> InputError:
    return InputError(f"{fault}; start all processes with the same options and the same files")
