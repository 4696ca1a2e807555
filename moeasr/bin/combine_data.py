"""Merge data directories into one, whose old content is removed.

A table is written if all sources have it. The tables utt2uniq and segments are written if any
source has them, with the missing lines generated.

Called by utils/combine_data.sh.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr combine-data data/train_all data/train_a data/train_b",
    )
    parser.add_argument(
        "--extra-files", default="", metavar="'F G'", help="further tables to merge (default: none)"
    )
    parser.add_argument(
        "--script", default="combine_data", help="program name in messages (default: %(default)s)"
    )
    parser.add_argument("target", type=Path, help="data directory to write")
    parser.add_argument("sources", type=Path, nargs="+", help="data directories to merge")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Merge data directories."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.combine import combine_data

    with speaking_as(args.script) as say:
        combine_data(args.target, args.sources, args.extra_files.split(), say)


if __name__ == "__main__":
    run(main)
