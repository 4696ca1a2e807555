"""Write reco2dur, the duration of each recording in seconds.

Durations come from utt2dur if utterances are recordings, otherwise from the headers of the audio.
An existing complete reco2dur is kept.

Called by utils/data/get_reco2dur.sh.
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
        epilog="example:\n  moeasr get-reco2dur data/train",
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
        "--script", default="get_reco2dur", help="program name in messages (default: %(default)s)"
    )
    parser.add_argument("data_dir", type=Path, help="data directory that receives reco2dur")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write reco2dur of a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.durations import write_reco2dur

    with speaking_as(args.script) as say:
        write_reco2dur(args.data_dir, say, args.nj, args.read_entire_file)


if __name__ == "__main__":
    run(main)
