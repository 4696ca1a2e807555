"""The order in which the experiments of a comparison run, several at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from moeasr.compare.recipe_run import RecipeRun


def run_side_by_side(
    runs: Sequence[RecipeRun],
    num_jobs: int,
    call: Callable[[RecipeRun], str | None],
    stop: Callable[[], None],
    say: Callable[[str], None],
    skip_done: bool = True,
) -> dict[str, str]:
    """Run experiments in the order given, several at a time.

    An experiment starts when all those before it have started or were left out, those that it needs
    have ended, and fewer than `num_jobs` run. Only then is it checked whether the experiment is
    done, because a needed experiment may just have been run again.

    Args:
        runs: The experiments. Each comes after those that it needs.
        num_jobs: Maximum number of experiments that run at a time.
        call: Function that runs one experiment to its end, in its own thread, and returns its
            failure or None.
        stop: Function that ends everything started by `call`; called when an exception occurs.
        say: Function that reports progress.
        skip_done: True to skip experiments that are done already.

    Returns:
        Name of an experiment -> its failure.
    """
    failures: dict[str, str] = {}
    started: dict[str, Future[str | None]] = {}
    with ThreadPoolExecutor(num_jobs) as pool:
        try:
            for number, run in enumerate(runs, start=1):
                place = f"{number} of {len(runs)}: {run.name}"
                needed = [need.experiment for need in run.experiment.needs]
                ended = {name: started[name].result() for name in needed if name in started}
                failed = [name for name in needed if ended.get(name) or name in failures]
                if failed:  # its files may be those of an earlier run
                    failures[run.name] = f"was not run, because {failed[0]} failed"
                    continue
                if skip_done and run.is_done():
                    say(f"{place} is already done")
                    continue
                missing = run.missing_file()
                if missing is not None:
                    failures[run.name] = f"was not run, because {missing} does not exist"
                    continue
                while len(running := _running(started)) >= num_jobs:
                    wait(running, return_when=FIRST_COMPLETED)
                say(f"{place}, log in {run.log}")
                started[run.name] = pool.submit(call, run)
            wait(started.values())
        except BaseException:
            stop()
            raise
    for name, future in started.items():
        failure = future.result()
        if failure is not None:
            failures[name] = failure
    return failures


def _running(started: dict[str, Future[str | None]]) -> list[Future[str | None]]:
    return [future for future in started.values() if not future.done()]
