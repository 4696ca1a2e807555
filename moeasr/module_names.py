"""Parameters that a config selects by the names of modules, such as `encoder.blocks.0`."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from torch import nn

from moeasr.errors import InputError

MAX_SHOWN = 4
"""Maximum number of modules in a message."""


def find_parameters(model: nn.Module, names: Iterable[str], key: str) -> set[nn.Parameter]:
    """Return the parameters of modules, including all modules in them.

    A parameter that several modules share is in each of them.

    Args:
        model: The model.
        names: Paths of modules, in which `*` stands for any text: `encoder`, `decoder.blocks.0`,
            `*.router`.
        key: The config key with the names, for messages.

    Raises:
        InputError: A name fits no module with parameters.
    """
    found = set()
    modules = dict(model.named_modules(remove_duplicate=False))
    for name in names:
        fitting = [module for path, module in modules.items() if path and fnmatchcase(path, name)]
        parameters = {parameter for module in fitting for parameter in module.parameters()}
        if not parameters:
            raise InputError(f"`{key}` contains `{name}`, but {_describe_nearest(model, name)}")
        found |= parameters
    return found


def name_frozen(model: nn.Module, names: Iterable[str], frozen: Collection[nn.Parameter]) -> str:
    """Return the modules in which some parameters are frozen, for a message; empty for none.

    Args:
        model: The model.
        names: Paths of modules, without `*`.
        frozen: The frozen parameters.
    """
    found = [
        name
        for name in names
        if any(parameter in frozen for parameter in model.get_submodule(name).parameters())
    ]
    more = f" and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
    return ", ".join(found[:MAX_SHOWN]) + more


def _describe_nearest(model: nn.Module, name: str) -> str:
    """Return the modules beside the missing one, for the end of a message."""
    whole, module = "the model", model
    parts = name.split(".")
    for depth, part in enumerate(parts):
        child = dict(module.named_children()).get(part)
        if child is None:
            break
        whole, module = f"`{'.'.join(parts[: depth + 1])}`", child
    names = [
        child for child, part in module.named_children() if any(True for _ in part.parameters())
    ]
    listed = f"only the modules {', '.join(names)}" if names else "no modules with parameters"
    return f"{whole} has {listed}"
