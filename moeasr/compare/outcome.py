"""The outcome of a comparison: costs of the trained models, the table, and failures."""

import subprocess
import sys
from collections.abc import Mapping, Sequence

from moeasr.compare.recipe_run import SCORING, RecipeRun
from moeasr.compare.series import Series
from moeasr.errors import InputError
from moeasr.score.comparison_files import TableChoice, write_comparison


def conclude(series: Series, failures: Mapping[str, str], choice: TableChoice) -> list[str]:
    """Count the parameters and multiply-adds of each model, and write the comparison table.

    The table is also printed. There is none before stage 5, which scores the hypotheses, or while
    the baseline has no results.

    Args:
        series: The experiments. The table uses all results, also those of earlier runs.
        failures: Name of an experiment -> its failure. The table leaves this experiment out.
        choice: The selection of results that the table shows.

    Returns:
        One sentence for each failure.
    """
    if series.stop_stage < SCORING:
        print("== no comparison: it needs the results of stage 5 (--stop-stage 5)")
        return _sentences(series, failures)
    scored = [
        run
        for run in series.planned
        if run.name not in failures and (run.directory / "results.json").is_file()
    ]
    faults = {**failures, **measure_costs(scored)}
    if choice.baseline not in [run.experiment.system for run in scored]:
        print(f"== no comparison: the baseline {choice.baseline} has no results yet")
        return _sentences(series, faults)
    try:
        exp_dirs = [run.directory for run in scored]
        print(write_comparison(series.exp_dir, exp_dirs, choice))
    except InputError as error:
        return [str(error), *_sentences(series, faults)]
    return _sentences(series, faults)


def measure_costs(runs: Sequence[RecipeRun]) -> dict[str, str]:
    """Count the parameters and multiply-adds of each averaged model, and write them to `cost.json`.

    A model is skipped if the `cost.json` beside it is newer than the model.

    Returns:
        Name of an experiment -> its failure.
    """
    failures = {}
    for run in runs:
        model, costs = run.directory / "averaged.pt", run.directory / "cost.json"
        if not model.is_file() or (
            costs.is_file() and costs.stat().st_mtime_ns > model.stat().st_mtime_ns
        ):
            continue
        profile = [sys.executable, "-m", "moeasr.bin.profile"]
        profile += ["--checkpoint", str(model), "--out", str(costs)]
        if subprocess.run(profile, stdout=subprocess.DEVNULL, check=False).returncode:
            failures[run.name] = "has no GMAC/s in the table, because moeasr profile failed"
    return failures


def _sentences(series: Series, failures: Mapping[str, str]) -> list[str]:
    """Return a sentence for each failure, in the order of the list of systems."""
    return [f"{run.name} {failures[run.name]}" for run in series.planned if run.name in failures]
