"""A trained and scored experiment in a comparison: one system, one seed, one test set."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moeasr.errors import InputError
from moeasr.score.alignment import Counts
from moeasr.score.details import read_per_utt
from moeasr.score.logged_training_time import logged_training_time
from moeasr.score.record import check_kinds
from moeasr.score.results_table import read_json

_KEYS = (
    *("set", "mode", "chunk_size", "beam_size", "wer", "cer", "rtf", "audio_sec"),
    *("num_utts", "num_words", "total_params", "active_params", "commit", "config"),
    *("seed", "device", "train_command", "command"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoredExperiment:
    """One training, decoded in one mode and scored on one test set."""

    name: str
    """Name of the directory, `<system>_seed<seed>`."""
    system: str
    seed: int
    record: Mapping[str, Any]
    """Entry of `results.json` for the set, mode and chunk size; see `results_table.gather`."""
    words: Mapping[str, Counts]
    """Word counts of each utterance."""
    training_sec: float | None = None
    """Seconds of training, summed over all sessions; None if unknown."""
    macs_per_audio_sec: int | None = None
    """Multiply-adds per second of audio; None unless measured for all modules."""
    command: str
    """The command line that reproduces the experiment."""


_NAME = re.compile(r"(.+)_seed(\d+)")


def find_experiments(root: str | Path) -> list[Path]:
    """Find directories `<system>_seed<seed>` with results below `root`, sorted by name and seed.

    Raises:
        InputError: There are no such directories.
    """
    results = Path(root).glob("*_seed*/results.json")
    found = [path.parent for path in results if _NAME.fullmatch(path.parent.name)]
    if not found:
        raise InputError(f"{root} contains no <system>_seed<seed>/results.json")
    return sorted(found, key=_system_and_seed)


def read_experiment(
    exp_dir: str | Path, test_set: str, mode: str, chunk_size: int = -1
) -> ScoredExperiment:
    """Read the results of one experiment.

    The function reads `results.json`, the `per_utt` file of words of the mode, and three optional
    files: `training_time.json` (default: the time from `train.log`), `cost.json` (for the key
    `macs_per_audio_sec`), and the line `command` written by `moeasr compare` (default: the command
    of the training).

    Args:
        exp_dir: The directory of the experiment.
        test_set: Name of the test set.
        mode: Decoding mode.
        chunk_size: Decoding chunk size in frames, -1 for the whole utterance.

    Raises:
        InputError: The name of the directory is not `<system>_seed<seed>`, or its seed differs from
            that of the results. Or results are missing, stale or malformed, or do not agree with
            their details.
    """
    exp_dir = Path(exp_dir)
    system, seed = _system_and_seed(exp_dir)
    folder = f"decode_{test_set}/{mode}" + (f"_chunk{chunk_size}" if chunk_size != -1 else "")
    record = _find_record(exp_dir / "results.json", test_set, mode, chunk_size, folder)
    if record["seed"] != seed:
        raise InputError(
            f"{exp_dir}/results.json has seed {record['seed']}, but the directory name has {seed}"
        )
    details = exp_dir / folder / "score" / "per_utt"
    words = read_per_utt(details)
    if abs(sum(words.values(), Counts()).percent - record["wer"]) > 1e-3:
        raise InputError(
            f"{details} and {exp_dir}/results.json have different WERs; run stage 5 again"
        )
    command = exp_dir / "command"
    return ScoredExperiment(
        name=exp_dir.name,
        system=system,
        seed=seed,
        record=record,
        words=words,
        training_sec=read_training_time(exp_dir),
        macs_per_audio_sec=_read_cost(exp_dir / "cost.json"),
        command=(
            command.read_text(encoding="utf-8", errors="replace").strip()
            if command.is_file()
            else record["train_command"]
        ),
    )


def _system_and_seed(exp_dir: Path) -> tuple[str, int]:
    match = _NAME.fullmatch(exp_dir.name)
    if match is None:
        raise InputError(f"experiment directory {exp_dir} must be named <system>_seed<seed>")
    return match[1], int(match[2])


def _find_record(
    path: Path, test_set: str, mode: str, chunk_size: int, folder: str
) -> dict[str, Any]:
    records = read_json(path)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise InputError(f"{path} must hold a JSON list of objects")
    wanted = (test_set, mode, chunk_size)
    for record in records:
        missing = [key for key in _KEYS if key not in record]
        if missing:
            raise InputError(f"{path} lacks the key '{missing[0]}' in a record")
        check_kinds(record, path)
        # Other directories, such as decode_lm_test, may hold the same set and mode.
        is_there = record.get("dir", folder) == folder
        if is_there and (record["set"], record["mode"], record["chunk_size"]) == wanted:
            if record.get("stale"):
                raise InputError(
                    f"{path}: the results of set {test_set}, mode {mode}, chunk size {chunk_size} "
                    f"are stale ({record['stale']}); run stages 4 and 5 again"
                )
            return record
    raise InputError(
        f"{path} has no results of set {test_set}, mode {mode}, chunk size {chunk_size}"
    )


def read_training_time(exp_dir: Path) -> float | None:
    """Return the seconds of training, summed over all sessions; None if unknown.

    Raises:
        InputError: `training_time.json` is malformed.
    """
    path = exp_dir / "training_time.json"
    if not path.is_file():  # the training began before trainers recorded their time
        return logged_training_time(exp_dir / "train.log")
    content = read_json(path)
    seconds = content.get("training_sec") if isinstance(content, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InputError(f"{path} must hold a number under 'training_sec'")
    if not 0 <= seconds < float("inf"):
        raise InputError(f"{path}: 'training_sec' must be 0 or more, but is {seconds:g}")
    return float(seconds)


def _read_cost(path: Path) -> int | None:
    if not path.is_file():
        return None
    content = read_json(path)
    macs = content.get("macs_per_audio_sec") if isinstance(content, dict) else None
    if not isinstance(macs, int):
        raise InputError(f"{path} must hold a whole number under 'macs_per_audio_sec'")
    return None if content.get("uncounted") else macs  # a partial count would be misleading
