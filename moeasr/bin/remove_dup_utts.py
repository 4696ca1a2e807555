"""Copy a data directory with a limited number of utterances per transcript.

This removes most utterances of over-represented transcripts, such as "uh-huh".

Called by utils/data/remove_dup_utts.sh.
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
        epilog="example:\n  moeasr remove-dup-utts 10 data/train data/train_nodup",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--script",
        default="remove_dup_utts",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument(
        "max_count", type=int, help="approximate maximum number of utterances per transcript"
    )
    parser.add_argument("source", type=Path, help="data directory to copy")
    parser.add_argument("target", type=Path, help="data directory to write")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Copy a data directory without frequent transcripts."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.duplicates import remove_dup_utts

    with speaking_as(args.script) as say:
        before, after = remove_dup_utts(args.source, args.target, args.max_count, say)
        print(f"Reduced number of utterances from {before} to {after}", flush=True)


if __name__ == "__main__":
    run(main)
