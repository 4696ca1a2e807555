"""Train, decode and score several systems, and compare them with a baseline.

With a list, called in a recipe's directory after stages 0 to 2: every system and seed is one call
of ./run.sh with a directory of its own, EXP/<system>_seed<seed>, and its log in log/run.log there.
Called again, the comparison continues: what is done with the same command and config is left alone.
Failed experiments are reported at the end, after all others have run. Each line of the list:

  name config.yaml [seeds=N] [a.b=value ...]      # {exp} and {seed} in a value are replaced

With --exp-root or --exp-dirs: only the table of experiments that are finished.

Writes COMPARISON.md (to read) and comparison.json (for programs): WER and CER with their spread
over seeds, bootstrap intervals over utterances, paired tests against the baseline, sizes, speed.
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
    """Describe the command line."""
    parser = Parser(
        prog="moeasr compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EPILOG,
    )
    parser.add_argument("list", nargs="*", help="list of systems to train, decode and score")
    running = parser.add_argument_group("experiments of a list").add_argument
    running("--seeds", default="777 778 779", metavar="LIST", help="default: %(default)s")
    running("--jobs", default="1", metavar="N", help="experiments at a time (default: 1)")
    running("--exp-dir", default="exp/compare", metavar="EXP", help="default: %(default)s")
    running("--train-opts", default="", help="for all trainings: '--set train.max_epochs=20'")
    running("--run-opts", default="", help="for run.sh; quotes group: \"--test-sets 'dev test'\"")
    running("--only", default="", metavar="LIST", help="systems to run (default: all)")
    text = "first stage of run.sh, 4 to decode again what is trained (default: 3)"
    running("--stage", default="3", metavar="N", help=text)
    text = "last stage of run.sh; no table is made before 5 (default: 5)"
    running("--stop-stage", default="5", metavar="N", help=text)
    finished = parser.add_argument_group("finished experiments").add_argument
    text = "directory of the experiments (default: the parent of the first)"
    finished("--exp-root", metavar="ROOT", help=text)
    text = "experiments, in the order of the table (default: all, by name)"
    finished("--exp-dirs", nargs="+", metavar="DIR", help=text)
    table = parser.add_argument_group("table").add_argument
    text = "system with which the others are compared (default: dense)"
    table("--baseline", default="dense", metavar="SYSTEM", help=text)
    table("--set", default="test", metavar="NAME", help="test set (default: %(default)s)")
    table("--mode", default="attention_rescoring", help="decoding mode (default: %(default)s)")
    text = "decoding chunk size in frames, -1 for the whole utterance (default: -1)"
    table("--chunk-size", type=int, default=-1, metavar="C", help=text)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the experiments of a list and compare them, or compare finished experiments."""
    parser = get_parser()
    args = parser.parse_args(argv)

    from moeasr.score.comparison_files import TableChoice, write_comparison

    choice = TableChoice(args.baseline, args.set, args.mode, args.chunk_size)
    if args.exp_root or args.exp_dirs:
        for name in LIST_OPTIONS:
            if getattr(args, name) != parser.get_default(name):
                raise InputError(f"--{name.replace('_', '-')} goes with a list of systems only")
        if args.list:
            raise InputError("a list of systems does not go with --exp-root and --exp-dirs")
        root = args.exp_root or Path(args.exp_dirs[0]).parent
        print(write_comparison(root, args.exp_dirs or [], choice))
    elif len(args.list) != 1:
        raise InputError(
            f"expected one argument, the list of systems, but got {len(args.list)}; --exp-root or "
            "--exp-dirs makes a table of finished experiments, and --help tells more"
        )
    else:
        _run_list(args, choice)


def _run_list(args: argparse.Namespace, choice: "TableChoice") -> None:
    """Run the experiments of a list, and compare them."""
    from moeasr.compare.outcome import conclude
    from moeasr.compare.process_groups import Interrupted
    from moeasr.compare.series import plan_series, run_series

    options = SeriesOptions(args.list[0], *(getattr(args, name) for name in LIST_OPTIONS))
    series = plan_series(options, choice)
    try:
        failures = run_series(series)
    except Interrupted:
        print("moeasr compare: stopped; the same call goes on from here", file=sys.stderr)
        sys.exit(130)
    complaints = conclude(series, failures, choice)
    for complaint in complaints:
        print(f"moeasr compare: {complaint}", file=sys.stderr)
    if complaints:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
