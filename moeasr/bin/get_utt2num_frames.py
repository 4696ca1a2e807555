"""Write utt2num_frames, the number of feature frames of each utterance.

The numbers come from the headers of the features, or from utt2dur if there are no features. An
existing complete utt2num_frames is kept.

Called by utils/data/get_utt2num_frames.sh.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import speaking_as
from moeasr.limits import num_processes
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr get-utt2num-frames data/train",
    )
    parser.add_argument(
        "--nj",
        type=num_processes,
        default=4,
        metavar="N",
        help="number of audio files read at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--frame-shift",
        type=float,
        default=0.01,
        metavar="SEC",
        help="frame shift, used with durations if there is no conf/fbank.yaml (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--frame-overlap",
        type=float,
        default=0.015,
        metavar="SEC",
        help="window length minus frame shift, used under the same condition as --frame-shift "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--script",
        default="get_utt2num_frames",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument("data_dir", type=Path, help="data directory that receives utt2num_frames")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write utt2num_frames of a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.durations import write_utt2num_frames

    with speaking_as(args.script) as say:
        write_utt2num_frames(args.data_dir, say, args.nj, args.frame_shift, args.frame_overlap)


if __name__ == "__main__":
    run(main)
