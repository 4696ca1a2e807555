"""Choose a part of a data directory; the work of utils/subset_data_dir.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser

HOW = ("first", "last", "shortest", "per-spk", "speakers")


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Write a data directory with some of the utterances of another, by default "
        "evenly spread over it.",
        epilog="example:\n  moeasr subset-data-dir --first data/train 100 data/train_100",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_mutually_exclusive_group()
    for name in HOW:
        group.add_argument(f"--{name}", dest="how", action="store_const", const=name)
    group.add_argument("--spk-list", type=Path, metavar="FILE", help="keep these speakers")
    group.add_argument("--utt-list", type=Path, metavar="FILE", help="keep these utterances")
    parser.add_argument("--script", default="subset_data_dir", help="name to speak under")
    parser.add_argument("source", type=Path)
    parser.add_argument(
        "num_utts", type=int, nargs="?", help="how many (per speaker with --per-spk); no lists then"
    )
    parser.add_argument("target", type=Path)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write one subset."""
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
