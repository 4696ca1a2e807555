"""The decoded and scored modes of an experiment, and the mode that a report analyses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moeasr.errors import InputError
from moeasr.score.results_table import gather, read_json


@dataclass(frozen=True, kw_only=True)
class Decodings:
    """The decodings of an experiment."""

    records: list[dict[str, Any]]
    """All scored modes, as `gather` returns them."""
    best: dict[str, Any] | None
    """The mode with the lowest word error rate on the test set of the report; None if that set is
    not decoded."""
    mode_dir: Path | None
    """The directory of `best`."""
    data_dir: Path | None
    """The data directory of the report; None if it is unknown."""
    note: str | None = None
    """The reason why `best` is missing, as a sentence."""


def find_decodings(exp_dir: Path, data_dir: str | Path | None) -> Decodings:
    """Return the decodings of an experiment.

    Args:
        exp_dir: The directory of the experiment.
        data_dir: The data directory of the report, whose name is the name of the test set; None for
            the first test set that was decoded.

    Raises:
        InputError: A file of a decoding is malformed.
    """
    chosen = None if data_dir is None else Path(data_dir)
    if not any(exp_dir.glob("decode_*/*/score/score.json")):
        note = f"{exp_dir} has no scored decoding; run stages 4 and 5 of its recipe."
        return Decodings(records=[], best=None, mode_dir=None, data_dir=chosen, note=note)
    records = gather(exp_dir)
    test_set = records[0]["set"] if chosen is None else chosen.resolve().name
    ranked = [record for record in records if record["set"] == test_set]
    ranked.sort(key=lambda r: (r["stale"] is not None, r["wer"], r["ins"]))
    if not ranked:
        note = f"{exp_dir} has no scored decoding of the set {test_set}."
        return Decodings(records=records, best=None, mode_dir=None, data_dir=chosen, note=note)
    mode_dir = exp_dir / ranked[0]["dir"]
    if chosen is None:
        chosen = Path(read_json(mode_dir / "decode.json").get("data_dir") or f"data/{test_set}")
        if not chosen.is_dir():
            raise InputError(
                f"the data directory {chosen} of {mode_dir} does not exist; run this command in "
                "the directory of the recipe, or give --data-dir"
            )
    return Decodings(records=records, best=ranked[0], mode_dir=mode_dir, data_dir=chosen)
