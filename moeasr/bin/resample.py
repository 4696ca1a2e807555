"""Mix the channels of a recording and convert it to another sample rate.

Writes 16-bit WAV to standard output.

Entries of wav.scp call this command after utils/data/resample_data_dir.sh.
"""

import argparse

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr resample 8000 a.flac > a_narrow.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rate", type=int, metavar="hz", help="sample rate in Hz")
    parser.add_argument(
        "audio", help="audio file, `command |`, `file.ark:offset`, or - for standard input"
    )
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Resample a recording."""
    args = get_parser().parse_args(argv)
    from moeasr.audio.programs import Resample
    from moeasr.audio.standard_streams import read_entry, write_changed

    write_changed(*read_entry(args.audio), [Resample(args.rate)])


if __name__ == "__main__":
    run(main)
