"""The decoded and scored modes of an experiment, and the mode that a report analyses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moeasr.errors import InputError
from moeasr.report.html.recipe_dir import find_recipe_dir
from moeasr.score.results_table import gather, rank, read_json


@dataclass(frozen=True, kw_only=True)
class Decodings:
    """The decodings of an experiment."""

    records: list[dict[str, Any]]
    """All scored modes, as `gather` returns them."""
    best: dict[str, Any] | None
    """The mode with the lowest word error rate on the test set of the report; None if no set is
    decoded."""
    mode_dir: Path | None
    """The directory of `best`."""
    set_dir: Path | None
    """The data directory of `best`; None if it does not exist."""
    data_dir: Path | None
    """The data directory on which the report runs the model; None if it is unknown."""
    working_dir: Path | None = None
    """The directory to which the paths in the tables of `data_dir` are relative; None for the
    current one."""
    note: str | None = None
    """The reason why `best` is missing, as a sentence."""


def find_decodings(exp_dir: Path, data_dir: str | Path | None) -> Decodings:
    """Return the decodings of an experiment.

    Args:
        exp_dir: The directory of the experiment.
        data_dir: The data directory on which the report runs the model; None for that of the first
            test set that was decoded, in the recipe of the experiment. The errors are those of the
            test set with the name of this directory, or of the first one if that set was not
            decoded. For a directory outside the recipe, the speakers of the errors come from the
            set in the recipe.

    Raises:
        InputError: A file of a decoding is malformed, or there is no data directory.
    """
    chosen = None if data_dir is None else Path(data_dir)
    if chosen is not None and not chosen.is_dir():
        raise InputError(f"data directory {chosen} does not exist")
    if not any(exp_dir.glob("decode_*/*/score/score.json")):
        return Decodings(
            records=[],
            best=None,
            mode_dir=None,
            set_dir=None,
            data_dir=chosen,
            note=f"{exp_dir} has no scored decoding; run stages 4 and 5 of its recipe.",
        )
    records = gather(exp_dir)
    sets = [record["set"] for record in records]
    name = None if chosen is None else chosen.resolve().name
    test_set = name if name in sets else sets[0]
    ranked = rank(record for record in records if record["set"] == test_set)
    mode_dir = exp_dir / ranked[0]["dir"]
    decoded = read_json(mode_dir / "decode.json")
    recipe_dir = find_recipe_dir(exp_dir, decoded.get("checkpoint"))
    own = (recipe_dir or Path()) / (decoded.get("data_dir") or f"data/{test_set}")
    is_foreign = chosen is not None and recipe_dir is not None and not _is_in(chosen, recipe_dir)
    set_dir = chosen if chosen is not None and name == test_set and not is_foreign else own
    if not set_dir.is_dir():
        set_dir = None
    if chosen is None and set_dir is None:
        raise InputError(
            f"the data directory {own} of {mode_dir} does not exist; run this command in the "
            "directory of the recipe, or give --data-dir"
        )
    return Decodings(
        records=records,
        best=ranked[0],
        mode_dir=mode_dir,
        set_dir=set_dir,
        data_dir=chosen or set_dir,
        working_dir=None if is_foreign or recipe_dir == Path() else recipe_dir,
    )


def _is_in(path: Path, directory: Path) -> bool:
    return path.resolve().is_relative_to(directory.resolve())
