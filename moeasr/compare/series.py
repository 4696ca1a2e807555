"""The experiments of a comparison: planned from its options, then run."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from moeasr.bars import duration
from moeasr.compare.option_texts import (
    SeriesOptions,
    experiments_directory,
    option_value,
    seed_list,
    whole_number,
    words_for_run_sh,
)
from moeasr.compare.process_groups import ProcessGroups
from moeasr.compare.recipe_run import SCORING, TRAINING, RecipeRun
from moeasr.compare.side_by_side import run_side_by_side
from moeasr.compare.system_list import plan_experiments, read_systems
from moeasr.errors import InputError
from moeasr.job_log import hold_log
from moeasr.jobs.endings import interruptible
from moeasr.score.comparison_files import TableChoice


@dataclass(frozen=True, kw_only=True)
class Series:
    """The experiments of a comparison, and how to run them."""

    planned: tuple[RecipeRun, ...]
    """All experiments of the list, in its order."""
    chosen: tuple[RecipeRun, ...]
    """The experiments to run."""
    exp_dir: str
    """The directory of all experiments."""
    num_jobs: int
    """Maximum number of experiments that run at a time."""
    stage: int
    """The first stage of `run.sh`. Only if it is 3 or less are finished experiments skipped."""
    stop_stage: int
    """The last stage of `run.sh`."""


def plan_series(options: SeriesOptions, choice: TableChoice) -> Series:
    """Read the options and the list of systems, and check them before anything runs.

    Args:
        options: The command line.
        choice: The selection of results that the table will show.

    Raises:
        InputError: There is no `run.sh` in the working directory. Or an option or a line of the
            list is invalid. Or `run.sh` will not produce the results that the table shows.
    """
    if not Path(options.list_file).is_file():
        raise InputError(f"no such file {options.list_file}")
    if not os.access("run.sh", os.X_OK):
        raise InputError("there is no run.sh here; run this command in the directory of a recipe")
    num_jobs = whole_number("--jobs", options.jobs, least=1)
    stage = whole_number("--stage", options.stage)
    stop_stage = whole_number("--stop-stage", options.stop_stage)
    exp_dir = experiments_directory(options.exp_dir)
    seeds = seed_list(options.seeds)
    run_words = tuple(words_for_run_sh(options.run_opts))
    if stop_stage >= SCORING:
        _require_decoding(run_words, choice)
    systems = read_systems(options.list_file)
    only = options.only.split()
    for name in (choice.baseline, *only):
        if name not in [system.name for system in systems]:
            raise InputError(f"{options.list_file} has no system {name}")
    planned = tuple(
        RecipeRun(
            experiment=experiment,
            exp_dir=exp_dir,
            train_words=tuple(options.train_opts.split()),
            run_words=run_words,
        )
        for experiment in plan_experiments(systems, seeds, exp_dir)
    )
    return Series(
        planned=planned,
        chosen=tuple(run for run in planned if not only or run.experiment.system in only),
        exp_dir=exp_dir,
        num_jobs=num_jobs,
        stage=stage,
        stop_stage=stop_stage,
    )


def run_series(series: Series) -> dict[str, str]:
    """Run the chosen experiments, and report progress on standard output.

    Returns:
        Name of an experiment -> its failure.

    Raises:
        Interrupted: A signal arrived. All experiments have ended.
    """
    groups = ProcessGroups()

    def call(run: RecipeRun) -> str | None:
        start = time.monotonic()
        try:
            with hold_log(run.log):
                if series.stage <= TRAINING:  # decoding again does not make a training up to date
                    run.begin()
                code = groups.run(run.call(series.stage, series.stop_stage), run.log)
        except InputError as error:
            return f"was not run: {error}"
        except OSError as error:
            return f"failed: {error.filename or run.log}: {error.strerror or error}"
        verb = "was stopped" if groups.is_stopped else "failed" if code else "ended"
        _say(f"{run.name} {verb} after {duration(time.monotonic() - start)}")
        return f"failed, log is in {run.log}" if code else None

    with interruptible():
        return run_side_by_side(
            series.chosen,
            series.num_jobs,
            call,
            groups.stop,
            _say,
            skip_done=series.stage <= TRAINING,
        )


def _require_decoding(run_words: tuple[str, ...], choice: TableChoice) -> None:
    """Raise `InputError` unless `run.sh` will produce the results that the table shows."""
    scripts = [
        path.read_text(encoding="utf-8", errors="replace")
        for path in (Path("run.sh"), Path("utils/recipe.sh"))
        if path.is_file()
    ]
    for list_option, option, value in (
        ("--decode-modes", "--mode", choice.mode),
        ("--decoding-chunk-size", "--chunk-size", str(choice.chunk_size)),
        ("--test-sets", "--set", choice.test_set),
    ):
        made = option_value(list_option, scripts, run_words)
        if made and value not in made.split():
            raise InputError(
                f"{option} {value} is not among the {list_option} of run.sh ({made}); add it: "
                f"--run-opts \"{list_option} '{made} {value}'\""
            )


def _say(text: str) -> None:
    print(f"== {text}", flush=True)
