"""Sort and filter the tables of a data directory.

Removes utterances that some table lacks, and derives spk2utt from utt2spk. The previous tables are
kept in the subdirectory .backup.

Called by utils/fix_data_dir.sh.
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
        epilog="example:\n  moeasr fix-data-dir data/train",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--utt-extra-files",
        default="",
        metavar="'F G'",
        help="further tables whose keys are utterances (default: none)",
    )
    parser.add_argument(
        "--spk-extra-files",
        default="",
        metavar="'F G'",
        help="further tables whose keys are speakers (default: none)",
    )
    parser.add_argument(
        "--script", default="fix_data_dir", help="program name in messages (default: %(default)s)"
    )
    parser.add_argument("data_dir", type=Path, help="data directory to fix")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Fix a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.fix import fix_data_dir

    with speaking_as(args.script) as say:
        fix_data_dir(args.data_dir, say, args.utt_extra_files.split(), args.spk_extra_files.split())


if __name__ == "__main__":
    run(main)
