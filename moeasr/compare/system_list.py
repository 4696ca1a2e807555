"""The list of systems of a comparison, and the experiments that it asks for.

Each line of the list is a system, and everything after a `#` is a comment:

    name config.yaml [seeds=N] [a.b=value ...]

`seeds=N` takes only the first N seeds. `a.b=value` overrides a key of the config, where `{exp}` and
`{seed}` in the value are replaced by the directory of the experiments and by the seed. A value such
as `{exp}/dense_seed{seed}/averaged.pt` names a file of another experiment, which must be finished
first. That experiment must belong to a line above.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from moeasr.errors import InputError

PLAIN = "A-Za-z0-9_./:,=+@%-"
"""The characters of a value: `run.sh` splits its `--train-opts` at spaces and expands patterns."""


@dataclass(frozen=True, kw_only=True)
class System:
    """One line of the list."""

    name: str
    config: str
    overrides: tuple[str, ...]
    """Texts `a.b=value`, with their placeholders."""
    num_seeds: int | None
    """The number of seeds to use, or None for all."""
    place: str
    """File and line, for messages."""


class Need(NamedTuple):
    """A file that an experiment reads and another experiment writes."""

    experiment: str
    file: str


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One system with one seed."""

    name: str
    """`<system>_seed<seed>`, which is also the name of its directory."""
    system: str
    seed: int
    config: str
    overrides: tuple[str, ...]
    """Texts `a.b=value`, with placeholders replaced."""
    needs: tuple[Need, ...]


def is_plain(text: str) -> bool:
    """Return whether a text is not empty and consists of the characters in `PLAIN`."""
    return re.fullmatch(f"[{PLAIN}]+", text) is not None


def read_systems(path: str | Path) -> list[System]:
    """Read the list of systems.

    Raises:
        InputError: The list does not exist or contains no systems, or a line is invalid. The
            message names file and line.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no such file {path}")
    systems: list[System] = []
    lines: dict[str, int] = {}
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        system = _parse(fields, f"{path}:{number}")
        if system.name in lines:
            raise InputError(
                f"{system.place}: system {system.name} is already defined on line "
                f"{lines[system.name]}"
            )
        lines[system.name] = number
        systems.append(system)
    if not systems:
        raise InputError(f"{path} contains no systems")
    return systems


def plan_experiments(
    systems: Sequence[System], seeds: Sequence[int], exp_dir: str
) -> list[Experiment]:
    """Return the experiments in the order in which they start: system by system, then by seed.

    Args:
        systems: The systems of the list, in its order.
        seeds: The seeds of the comparison. A system with `seeds=N` uses the first N of them.
        exp_dir: The directory of the experiments, in place of `{exp}`.

    Raises:
        InputError: An experiment needs one that no line above defines.
    """
    planned: dict[str, Experiment] = {}
    for system in systems:
        for seed in seeds[: system.num_seeds]:
            name = f"{system.name}_seed{seed}"
            overrides = tuple(
                text.replace("{exp}", exp_dir).replace("{seed}", str(seed))
                for text in system.overrides
            )
            needs = tuple(_find_needs(overrides, exp_dir))
            for need in needs:
                if need.experiment not in planned:
                    raise InputError(
                        f"{system.place}: {name} needs {need.experiment}, but no line above "
                        "defines it"
                    )
            planned[name] = Experiment(
                name=name,
                system=system.name,
                seed=seed,
                config=system.config,
                overrides=overrides,
                needs=needs,
            )
    return list(planned.values())


def _parse(fields: Sequence[str], place: str) -> System:
    name, config = fields[0], fields[1] if len(fields) > 1 else ""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise InputError(
            f"{place}: a name of a system must consist of letters, digits and _.-, but is '{name}'"
        )
    if not config:
        raise InputError(f"{place}: system {name} has no config")
    if not is_plain(config) or not Path(config).is_file():
        raise InputError(f"{place}: config {config} of {name} does not exist")
    num_seeds, overrides = None, []
    for field in fields[2:]:
        if match := re.fullmatch(r"seeds=([1-9][0-9]*)", field):
            num_seeds = int(match[1])
        elif _is_override(field):
            overrides.append(field)
        else:
            raise InputError(
                f"{place}: '{field}' must be seeds=N or a.b=value, where the value consists of "
                "letters, digits and _./:,=+@%-[]"
            )
    return System(
        name=name, config=config, overrides=tuple(overrides), num_seeds=num_seeds, place=place
    )


def _is_override(field: str) -> bool:
    key, _, value = field.partition("=")
    value = value.replace("{exp}", "x").replace("{seed}", "x")
    value = re.sub(r"[][]", "0", value)  # brackets of lists, which run.sh does not expand
    return re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", key) is not None and is_plain(value)


def _find_needs(overrides: Sequence[str], exp_dir: str) -> list[Need]:
    """Return the files below `exp_dir` that the overrides name."""
    values = [text.partition("=")[2] for text in overrides]
    below = f"{exp_dir}/"
    return [
        Need(value.removeprefix(below).partition("/")[0], value)
        for value in values
        if value.startswith(below)
    ]
