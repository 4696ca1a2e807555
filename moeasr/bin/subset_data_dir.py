"""Copy a subset of the utterances of a data directory.

By default the chosen utterances are evenly spread over the data directory.

Called by utils/subset_data_dir.sh.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser

CHOICES = {
    "first": "choice of the first utterances",
    "last": "choice of the last utterances",
    "shortest": "choice of the shortest utterances",
    "per-spk": "choice of num_utts utterances of each speaker",
    "speakers": "choice of random speakers with at least num_utts utterances in total",
}
"""Options that choose utterances, each with its help."""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr subset-data-dir --first data/train 100 data/train_100",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_mutually_exclusive_group()
    for name, text in CHOICES.items():
        group.add_argument(f"--{name}", dest="how", action="store_const", const=name, help=text)
    group.add_argument(
        "--spk-list", type=Path, metavar="FILE", help="list of speakers whose utterances are copied"
    )
    group.add_argument("--utt-list", type=Path, metavar="FILE", help="list of utterances to copy")
    parser.add_argument(
        "--script",
        default="subset_data_dir",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument("source", type=Path, help="data directory to copy from")
    parser.add_argument(
        "num_utts", type=int, nargs="?", help="number of utterances, required without a list"
    )
    parser.add_argument("target", type=Path, help="data directory to write")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write a subset."""
    parser = get_parser()
    args = parser.parse_args(argv)
    by_list = args.spk_list or args.utt_list
    if (args.num_utts is None) != (by_list is not None):
        parser.error("give either a number of utterances or a list")
    from moeasr.kaldi.subset import subset_by_count, subset_by_list

    with speaking_as(args.script) as say:
        if by_list:
            subset_by_list(args.source, args.target, by_list, int(args.utt_list is None), say)
        else:
            subset_by_count(args.source, args.target, args.num_utts, args.how or "spread", say)


if __name__ == "__main__":
    run(main)
