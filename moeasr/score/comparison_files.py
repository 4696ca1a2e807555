"""The files COMPARISON.md and comparison.json, which compare finished experiments."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from moeasr.atomic import atomic_path
from moeasr.score.comparison import compare, comparison_page
from moeasr.score.scored_experiment import find_experiments, read_experiment
from moeasr.strict_json import write_json


class TableChoice(NamedTuple):
    """The selection of results that a comparison shows."""

    baseline: str
    """The system with which the others are compared."""
    test_set: str
    mode: str
    """Decoding mode."""
    chunk_size: int
    """Decoding chunk size in frames, -1 for the whole utterance."""


def write_comparison(root: str | Path, exp_dirs: Sequence[str | Path], choice: TableChoice) -> str:
    """Compare finished experiments and write both files.

    Args:
        root: The directory of the two files, and of the experiments if none are named.
        exp_dirs: The experiments in the order of the table. If empty, all below `root`: by name,
            with the baseline first.
        choice: The selection of results.

    Returns:
        The text of COMPARISON.md.

    Raises:
        InputError: Experiments are missing, faulty, or cannot be compared. Nothing is written.
    """
    root = Path(root)
    experiments = [
        read_experiment(exp_dir, choice.test_set, choice.mode, choice.chunk_size)
        for exp_dir in exp_dirs or find_experiments(root)
    ]
    if not exp_dirs:
        experiments.sort(key=lambda experiment: experiment.system != choice.baseline)
    results = compare(experiments, choice.baseline)
    page = comparison_page(results, experiments, choice.baseline)
    content = {
        "set": choice.test_set,
        "mode": choice.mode,
        "chunk_size": choice.chunk_size,
        "baseline": choice.baseline,
        "systems": [dataclasses.asdict(result) for result in results],
        "experiments": [
            {
                "name": experiment.name,
                "training_sec": experiment.training_sec,
                "macs_per_audio_sec": experiment.macs_per_audio_sec,
                "remake_command": experiment.command,
                **experiment.record,
            }
            for experiment in experiments
        ],
    }
    write_json(root / "comparison.json", content)
    with atomic_path(root / "COMPARISON.md") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return page
