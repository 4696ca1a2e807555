"""Limit repeated transcriptions; the work of utils/data/remove_dup_utts.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Copy a data directory without most of the utterances whose transcription is "
        "over-represented.",
        epilog="example:\n  moeasr remove-dup-utts 10 data/train data/train_nodup",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--script", default="remove_dup_utts", help="name to speak under")
    parser.add_argument("max_count", type=int, help="about how often a transcription may occur")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write the reduced directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.duplicates import remove_dup_utts

    with speaking_as(args.script) as say:
        before, after = remove_dup_utts(args.source, args.target, args.max_count, say)
        print(f"Reduced number of utterances from {before} to {after}", flush=True)


if __name__ == "__main__":
    run(main)
