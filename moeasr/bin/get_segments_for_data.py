"""Print a segments table in which each utterance is a whole recording.

The end times come from utt2dur, which is written first if it is missing.

Called by utils/data/get_segments_for_data.sh.
"""

import argparse
import sys
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr get-segments-for-data data/train > data/train/segments",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--script",
        default="get_segments_for_data",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument("data_dir", type=Path, help="data directory without segments")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Print the segments of a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.durations import whole_segments

    with speaking_as(args.script, to_stderr=True) as say:
        lines = whole_segments(args.data_dir, say)
    sys.stdout.buffer.write(b"".join(line + b"\n" for line in lines))


if __name__ == "__main__":
    run(main)
