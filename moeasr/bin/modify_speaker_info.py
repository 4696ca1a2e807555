"""Copy a data directory and divide its speakers into smaller ones.

A new speaker has at most a given number of utterances, or a given duration of speech. At least one
of the two limits is required.

Called by utils/data/modify_speaker_info.sh.
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
        epilog="example:\n  moeasr modify-speaker-info --utts-per-spk-max 2 data/train "
        "data/train_max2",
    )
    parser.add_argument(
        "--utts-per-spk-max",
        type=int,
        default=-1,
        metavar="N",
        help="maximum number of utterances of a speaker (default: no limit)",
    )
    parser.add_argument(
        "--seconds-per-spk-max",
        type=float,
        default=-1.0,
        metavar="SEC",
        help="maximum duration of speech of a speaker (default: no limit)",
    )
    parser.add_argument(
        "--ignore-speakers",
        action="store_true",
        help="new speakers that may contain utterances of several old speakers",
    )
    parser.add_argument(
        "--script",
        default="modify_speaker_info",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument("source", type=Path, help="data directory to copy")
    parser.add_argument("target", type=Path, help="data directory to write")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Copy a data directory with new speakers."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.speakers import SpeakerLimits, modify_speaker_info

    limits = SpeakerLimits(max_utts=args.utts_per_spk_max, max_sec=args.seconds_per_spk_max)
    with speaking_as(args.script) as say:
        modify_speaker_info(args.source, args.target, limits, not args.ignore_speakers, say)


if __name__ == "__main__":
    run(main)
