"""Copy a data directory; the work of utils/copy_data_dir.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Copy a data directory, perhaps with a prefix or suffix on its ids.",
        epilog="example:\n  moeasr copy-data-dir --utt-prefix=1- --spk-prefix=1- data/a data/b",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spk-prefix", default="", help="put before speaker ids")
    parser.add_argument("--utt-prefix", default="", help="put before utterance ids")
    parser.add_argument("--spk-suffix", default="", help="put behind speaker ids")
    parser.add_argument("--utt-suffix", default="", help="put behind utterance ids")
    parser.add_argument("--script", default="copy_data_dir", help="name to speak under")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Copy one directory."""
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
