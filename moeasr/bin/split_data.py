"""Split a data directory DIR into N parts, DIR/splitN/1 to DIR/splitN/N.

All utterances of a speaker are in the same part. Parts that are newer than the data directory are
kept.

Called by utils/split_data.sh.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr split-data data/train 8",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--per-utt", action="store_true", help="split that ignores speakers, in DIR/splitNutt"
    )
    parser.add_argument(
        "--script", default="split_data", help="program name in messages (default: %(default)s)"
    )
    parser.add_argument("data_dir", type=Path, help="data directory to split")
    parser.add_argument("num_parts", type=int, help="number of parts, N")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Split a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.split import split_data

    with speaking_as(args.script) as say:
        split_data(args.data_dir, args.num_parts, args.per_utt, say)


if __name__ == "__main__":
    run(main)
