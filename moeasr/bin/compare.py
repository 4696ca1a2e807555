"""Train, decode and score several systems, and compare them with a baseline.

Call it in the directory of a recipe whose stages 0 to 2 are done. For each system and seed in the
list, it runs ./run.sh with the experiment directory EXP/<system>_seed<seed> and its log in
log/run.log there. A repeated call continues: experiments that are complete with the same command
and config are kept. Failed experiments are reported at the end. A line of the list is:

  name config.yaml [seeds=N] [a.b=value ...]      # a value may contain {exp} and {seed}

With --exp-root or --exp-dirs, it only compares experiments that are complete.

Writes COMPARISON.md and, for programs, comparison.json: WER and CER with their spread over seeds,
bootstrap intervals over utterances, paired tests against the baseline, model sizes and speed.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from moeasr.bin import run
from moeasr.compare.option_texts import SeriesOptions
from moeasr.errors import InputError
from moeasr.parser import Parser

if TYPE_CHECKING:
    from moeasr.score.comparison_files import TableChoice

EPILOG = """examples:
  cd egs/an4 && moeasr compare --jobs 2 --run-opts "--num-threads 1" conf/compare.list
  moeasr compare --exp-root exp/compare --baseline dense"""
LIST_OPTIONS = SeriesOptions._fields[1:]


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        prog="moeasr compare",
        description=__doc__,
        epilog=EPILOG,
    )
    parser.add_argument("list", nargs="*", help="file that lists the systems to compare")
    running = parser.add_argument_group("experiments to run").add_argument
    text = "seeds of each system (default: %(default)s)"
    running("--seeds", default="777 778 779", metavar="LIST", help=text)
    text = "number of experiments that run at a time (default: 1)"
    running("--jobs", default="1", metavar="N", help=text)
    text = "directory that receives an experiment per system and seed (default: %(default)s)"
    running("--exp-dir", default="exp/compare", metavar="EXP", help=text)
    text = "options of moeasr train, such as '--set train.max_epochs=20' (default: none)"
    running("--train-opts", default="", metavar="OPTS", help=text)
    text = "options of run.sh, such as \"--test-sets 'dev test'\" (default: none)"
    running("--run-opts", default="", metavar="OPTS", help=text)
    running("--only", default="", metavar="LIST", help="names of the systems to run (default: all)")
    text = "first stage of run.sh: 3 trains, 4 decodes the trained systems again (default: 3)"
    running("--stage", default="3", metavar="N", help=text)
    text = "last stage of run.sh; only 5 gives a table (default: 5)"
    running("--stop-stage", default="5", metavar="N", help=text)
    finished = parser.add_argument_group("finished experiments, without a list").add_argument
    text = "directory of the experiments (default: the parent of the first one in --exp-dirs)"
    finished("--exp-root", metavar="ROOT", help=text)
    text = "experiments in the order of the table (default: all in --exp-root, sorted by name)"
    finished("--exp-dirs", nargs="+", metavar="DIR", help=text)
    table = parser.add_argument_group("table").add_argument
    text = "system that the others are compared with (default: dense)"
    table("--baseline", default="dense", metavar="SYSTEM", help=text)
    table("--set", default="test", metavar="NAME", help="test set (default: %(default)s)")
    table("--mode", default="attention_rescoring", help="decoding mode (default: %(default)s)")
    text = "encoder frames per chunk in decoding, -1 for full context (default: -1)"
    table("--chunk-size", type=int, default=-1, metavar="C", help=text)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the experiments of a list and compare them, or compare finished experiments."""
    parser = get_parser()
    args = parser.parse_args(argv)

    from moeasr.score.comparison_files import TableChoice, write_comparison

    choice = TableChoice(args.baseline, args.set, args.mode, args.chunk_size)
    if args.exp_root or args.exp_dirs:
        if args.list:
            raise InputError("give either a list of systems or --exp-root or --exp-dirs")
        for name in LIST_OPTIONS:
            if getattr(args, name) != parser.get_default(name):
                raise InputError(f"--{name.replace('_', '-')} requires a list of systems")
        root = args.exp_root or Path(args.exp_dirs[0]).parent
        print(write_comparison(root, args.exp_dirs or [], choice))
    elif len(args.list) != 1:
        raise InputError(
            f"expected one argument, the list of systems, but got {len(args.list)}; to compare "
            "complete experiments, give --exp-root or --exp-dirs (see --help)"
        )
    else:
        _run_list(args, choice)


def _run_list(args: argparse.Namespace, choice: "TableChoice") -> None:
    """Run the experiments of a list, and compare them."""
    from moeasr.compare.outcome import conclude
    from moeasr.compare.series import plan_series, run_series
    from moeasr.jobs.endings import Interrupted

    options = SeriesOptions(args.list[0], *(getattr(args, name) for name in LIST_OPTIONS))
    series = plan_series(options, choice)
    try:
        failures = run_series(series)
    except Interrupted:
        print("moeasr compare: stopped; the same command resumes it", file=sys.stderr)
        sys.exit(130)
    complaints = conclude(series, failures, choice)
    for complaint in complaints:
        print(f"moeasr compare: {complaint}", file=sys.stderr)
    if complaints:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
