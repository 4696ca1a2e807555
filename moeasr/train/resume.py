"""Keys of a config that may change when a training is resumed, and those that may not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from moeasr.errors import InputError
from moeasr.logs import get_logger

logger = get_logger(__name__)

OF_MODEL = ("dropout", "attention_dropout", "dynamic_chunk", "max_chunk_size", "kernel")
"""Keys of the `model` section, wherever in it, that change neither weights nor dev losses."""
OF_DATA = ("data.batch", "data.spec_augment")
"""Sections that change how the same utterances are presented. `data.limits` would change which."""
RANKING = "train.best_by"
"""The one key of the `train` section that may not change: epochs are ranked by it."""


class Change(NamedTuple):
    """A key whose value differs between two configs."""

    key: str
    """Dotted path."""
    old: Any
    new: Any

    @property
    def is_allowed(self) -> bool:
        """True if a resumed training may have another value here."""
        section, _, rest = self.key.partition(".")
        if section == "model":
            return rest.rpartition(".")[2] in OF_MODEL
        if section == "data":
            return self.key.startswith(OF_DATA)
        return section == "train" and self.key != RANKING


def find_changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[Change]:
    """Return the keys that differ between two nested mappings, in the order of `new`."""
    changes = []
    for name in dict.fromkeys([*new, *old]):
        key, values = prefix + name, (old.get(name), new.get(name))
        if all(isinstance(value, Mapping) for value in values):
            changes += find_changes(*values, f"{key}.")
        elif values[0] != values[1]:
            changes.append(Change(key, *values))
    return changes


def check_changes(old: Mapping[str, Any], new: Mapping[str, Any], last_path: Path) -> list[Change]:
    """Return the changes of a resumed training.

    Args:
        old: The config that `last.pt` was written with.
        new: The config of this run.
        last_path: Name of `last.pt`, for the message.

    Raises:
        InputError: A key changed that must not. The sentence gives both values.
    """
    changes = find_changes(old, new)
    frozen = [change for change in changes if not change.is_allowed]
    if frozen:
        faults = [f"`{key}` is {new}, but was {old} so far" for key, old, new in frozen[:3]]
        more = f", and {len(frozen) - 3} more" if len(frozen) > 3 else ""
        raise InputError(
            f"{last_path} cannot be resumed with another config: {'; '.join(faults)}{more}. "
            "Restore the old values, or use another --exp-dir"
        )
    return changes


def warn_of_changes(changes: list[Change]) -> None:
    """Log each change of a resumed training as a warning."""
    for key, old, new in changes:
        logger.warning("going on with another %s: %s, it was %s", key, new, old)
