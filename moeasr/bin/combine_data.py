"""Merge data directories; the work of utils/combine_data.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Merge data directories into one, which is emptied first. A file is merged "
        "if all sources have it; utt2uniq and segments are made up where some lack them.",
        epilog="example:\n  moeasr combine-data data/train_all data/train_a data/train_b",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--extra-files", default="", metavar="'F G'", help="more files to merge")
    parser.add_argument("--script", default="combine_data", help="name to speak under")
    parser.add_argument("target", type=Path)
    parser.add_argument("sources", type=Path, nargs="+")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Merge the directories named on the command line."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.combine import combine_data

    with speaking_as(args.script) as say:
        combine_data(args.target, args.sources, args.extra_files.split(), say)


if __name__ == "__main__":
    run(main)
