"""Copy a data directory, optionally with a prefix or suffix added to its ids.

Called by utils/copy_data_dir.sh.
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
        epilog="example:\n  moeasr copy-data-dir --utt-prefix=1- --spk-prefix=1- data/a data/b",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--spk-prefix", default="", metavar="TEXT", help="prefix of speaker ids (default: none)"
    )
    parser.add_argument(
        "--utt-prefix", default="", metavar="TEXT", help="prefix of utterance ids (default: none)"
    )
    parser.add_argument(
        "--spk-suffix", default="", metavar="TEXT", help="suffix of speaker ids (default: none)"
    )
    parser.add_argument(
        "--utt-suffix", default="", metavar="TEXT", help="suffix of utterance ids (default: none)"
    )
    parser.add_argument(
        "--script", default="copy_data_dir", help="program name in messages (default: %(default)s)"
    )
    parser.add_argument("source", type=Path, help="data directory to copy")
    parser.add_argument("target", type=Path, help="data directory to write")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Copy a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.copy_dir import Affixes, copy_data_dir

    affixes = Affixes(
        spk_prefix=args.spk_prefix,
        utt_prefix=args.utt_prefix,
        spk_suffix=args.spk_suffix,
        utt_suffix=args.utt_suffix,
    )
    with speaking_as(args.script) as say:
        copy_data_dir(args.source, args.target, affixes, say)


if __name__ == "__main__":
    run(main)
