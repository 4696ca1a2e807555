"""Divide a data directory for parallel jobs; the work of utils/split_data.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Divide a data directory into N parts, data/splitN/1 ... N, none of which "
        "shares a speaker with another. Does nothing if they are there and not older.",
        epilog="example:\n  moeasr split-data data/train 8",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--per-utt", action="store_true", help="divide by utterance, into data/splitNutt"
    )
    parser.add_argument("--script", default="split_data", help="name to speak under")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("num_parts", type=int)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Divide one directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.split import split_data

    with speaking_as(args.script) as say:
        split_data(args.data_dir, args.num_parts, args.per_utt, say)


if __name__ == "__main__":
    run(main)
