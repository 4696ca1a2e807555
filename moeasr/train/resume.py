"""Changes in the config of a resumed training, and a check that they are allowed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from moeasr.config import to_mapping
from moeasr.config_roles import role_of
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.yaml_text import show_yaml

logger = get_logger(__name__)
IDENTITY = ("tokenizer", "fbank", "seed", "training_set", "training_text", "teacher")
"""Metadata that a resumed training must share with `last.pt`."""


class _Absent:
    """The value of a key that a config lacks."""

    def __str__(self) -> str:
        return "absent"


ABSENT = _Absent()


class Change(NamedTuple):
    """A key whose value differs between two configs; one that a config lacks has `ABSENT` there."""

    key: str
    """Dotted path of the key."""
    old: Any
    new: Any

    def shown(self) -> tuple[str, str]:
        """Return the old and the new value as YAML, for a message."""
        old, new = (v if v is ABSENT else show_yaml(v) for v in (self.old, self.new))
        return str(old), str(new)


def find_changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[Change]:
    """Return the keys that differ between two nested mappings, in the order of `new`.

    A key without a value is the same as no key.
    """
    changes = []
    for name in dict.fromkeys([*new, *old]):
        key, values = prefix + name, (old.get(name), new.get(name))
        if all(isinstance(value, Mapping) for value in values):
            changes += find_changes(*values, f"{key}.")
        elif values[0] != values[1]:
            changes.append(Change(key, old.get(name, ABSENT), new.get(name, ABSENT)))
    return changes


def check_changes(old: Any, new: Any, last_path: Path) -> list[Change]:
    """Return the changes of a resumed training.

    Args:
        old: The config dataclass that `last.pt` was written with.
        new: The config dataclass of this run.
        last_path: The path of `last.pt`, for the message.

    Raises:
        InputError: A key changed whose role is not `procedure`, see `moeasr.config_roles`. The
            message gives both values.
    """
    changes = find_changes(to_mapping(old), to_mapping(new))
    frozen = [change for change in changes if role_of(new, change.key) != "procedure"]
    if frozen:
        values = [(change.key, *change.shown()) for change in frozen[:3]]
        faults = [f"`{key}` is {now}, but was {was}" for key, was, now in values]
        more = f", and {len(frozen) - 3} more" if len(frozen) > 3 else ""
        raise InputError(
            f"{last_path} cannot be resumed with another config: {'; '.join(faults)}{more}. "
            "Restore the old values, or use another --exp-dir"
        )
    return changes


def check_identity(old: Mapping[str, Any], new: Mapping[str, Any], last_path: Path) -> None:
    """Raise `InputError` if a training cannot be resumed, because it would train something else.

    The version of the code and the number of epochs may change.

    Args:
        old: The metadata that `last.pt` was written with. What it lacks was not stored then.
        new: The metadata of this run.
        last_path: The path of `last.pt`, for the message.
    """
    for name in IDENTITY:
        was, is_now = old.get(name), new.get(name)
        if was == is_now or (name == "training_text" and name not in old):
            continue
        values = f" ({was}, not {is_now})" if isinstance(is_now, int) else ""
        if name == "fbank" and isinstance(was, Mapping) and isinstance(is_now, Mapping):
            # equal mappings differ, too, if one has None where the other has no key
            shown = [(change.key, *change.shown()) for change in find_changes(was, is_now)[:1]]
            values = "".join(f" (`{key}` was {old}, but is {new})" for key, old, new in shown)
        raise InputError(
            f"{last_path} was trained with another {name.replace('_', ' ')}{values}; use another "
            "--exp-dir, or remove this one"
        )


def warn_of_changes(changes: list[Change]) -> None:
    """Log each change of a resumed training as a warning."""
    for change in changes:
        old, new = change.shown()
        if change.new is ABSENT:
            logger.warning("resuming without `%s`, which was %s before", change.key, old)
        else:
            logger.warning("resuming with `%s: %s`, which was %s before", change.key, new, old)
