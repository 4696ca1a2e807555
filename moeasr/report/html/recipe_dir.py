"""The directory of the recipe of an experiment, to which the paths in its files are relative."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def find_recipe_dir(exp_dir: Path, decoded_checkpoint: str | None) -> Path | None:
    """Return the directory in which an experiment was decoded; None if it is unknown.

    It is a directory above the experiment in which the recorded path leads to the experiment.

    Args:
        exp_dir: The directory of the experiment.
        decoded_checkpoint: Path of the checkpoint as its decoding recorded it.
    """
    recorded = Path(decoded_checkpoint or "/").parent
    if recorded.is_absolute():
        return None
    found = exp_dir.resolve()
    above = (*exp_dir.parents, *found.parents)
    return next((path for path in above if (path / recorded).resolve() == found), None)


@contextlib.contextmanager
def working_in(directory: Path | None) -> Iterator[None]:
    """Make a directory the working directory of this process for a while; None changes nothing."""
    if directory is None:
        yield
        return
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
