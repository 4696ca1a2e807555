"""Write utt2dur, the duration of each utterance in seconds.

Durations come from segments, otherwise from utt2num_frames, otherwise from the headers of the
audio. An existing complete utt2dur is kept.

Called by utils/data/get_utt2dur.sh.
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
        epilog="example:\n  moeasr get-utt2dur data/train",
    )
    parser.add_argument(
        "--nj",
        type=num_processes,
        default=4,
        metavar="N",
        help="number of audio files read at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--read-entire-file",
        action="store_true",
        help="durations from counting samples instead of from audio headers",
    )
    parser.add_argument(
        "--frame-shift",
        type=float,
        default=0.01,
        metavar="SEC",
        help="frame shift for utt2num_frames, used if the file frame_shift does not exist "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--script", default="get_utt2dur", help="program name in messages (default: %(default)s)"
    )
    parser.add_argument("data_dir", type=Path, help="data directory that receives utt2dur")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write utt2dur of a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.durations import write_utt2dur

    with speaking_as(args.script) as say:
        write_utt2dur(args.data_dir, say, args.nj, args.read_entire_file, args.frame_shift)


if __name__ == "__main__":
    run(main)
