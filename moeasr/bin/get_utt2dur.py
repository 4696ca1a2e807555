"""Write the durations of a data directory; the work of utils/data/get_utt2dur.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import speaking_as
from moeasr.limits import num_processes
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Write utt2dur (seconds of each utterance) from segments, utt2num_frames or "
        "the headers of the audio, unless it is there with the expected length.",
        epilog="example:\n  moeasr get-utt2dur data/train",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--nj", type=num_processes, default=4, help="files opened at the same time")
    parser.add_argument(
        "--read-entire-file", action="store_true", help="count samples, do not trust headers"
    )
    parser.add_argument(
        "--frame-shift",
        type=float,
        default=0.01,
        metavar="SEC",
        help="for utt2num_frames where there is no audio and no file frame_shift",
    )
    parser.add_argument("--script", default="get_utt2dur", help="name to speak under")
    parser.add_argument("data_dir", type=Path)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write utt2dur of one directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.durations import write_utt2dur

    with speaking_as(args.script) as say:
        write_utt2dur(args.data_dir, say, args.nj, args.read_entire_file, args.frame_shift)


if __name__ == "__main__":
    run(main)
