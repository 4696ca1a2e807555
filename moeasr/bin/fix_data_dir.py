"""Sort and filter a data directory; the work of utils/fix_data_dir.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Sort the files of a data directory, keep the utterances that all of them "
        "have, and derive spk2utt from utt2spk. The old files go to its .backup.",
        epilog="example:\n  moeasr fix-data-dir data/train",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--utt-extra-files", default="", metavar="'F G'", help="more files keyed by utterance"
    )
    parser.add_argument(
        "--spk-extra-files", default="", metavar="'F G'", help="more files keyed by speaker"
    )
    parser.add_argument("--script", default="fix_data_dir", help="name to speak under")
    parser.add_argument("data_dir", type=Path)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Fix the directory named on the command line."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.fix import fix_data_dir

    with speaking_as(args.script) as say:
        fix_data_dir(args.data_dir, say, args.utt_extra_files.split(), args.spk_extra_files.split())


if __name__ == "__main__":
    run(main)
