"""Divide speakers into new ones; the work of utils/data/modify_speaker_info.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Copy a data directory with its utterances under new speakers of a few "
        "utterances or seconds each.",
        epilog="example:\n  moeasr modify-speaker-info --utts-per-spk-max 2 data/train "
        "data/train_max2",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--utts-per-spk-max", type=int, default=-1, metavar="N", help="below 1: no limit"
    )
    parser.add_argument(
        "--seconds-per-spk-max", type=float, default=-1.0, metavar="SEC", help="0, -1: no limit"
    )
    parser.add_argument(
        "--ignore-speakers", action="store_true", help="a new speaker may have several old ones"
    )
    parser.add_argument("--script", default="modify_speaker_info", help="name to speak under")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write the copy."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.speakers import SpeakerLimits, modify_speaker_info

    limits = SpeakerLimits(max_utts=args.utts_per_spk_max, max_sec=args.seconds_per_spk_max)
    with speaking_as(args.script) as say:
        modify_speaker_info(args.source, args.target, limits, not args.ignore_speakers, say)


if __name__ == "__main__":
    run(main)
