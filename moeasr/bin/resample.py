"""Bring one recording to another sample rate: the pipe of a wav.scp of resample_data_dir.sh."""

import argparse

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Read audio, mix its channels, bring it to a sample rate, and write 16-bit "
        "WAV to standard output.",
        epilog="example:\n  moeasr resample 8000 a.flac > a_narrow.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rate", type=int, metavar="hz", help="sample rate, Hz")
    parser.add_argument("audio", help="a file, `command |`, `file.ark:offset`, or - for stdin")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Resample one recording."""
    args = get_parser().parse_args(argv)
    from moeasr.audio.programs import Resample
    from moeasr.audio.standard_streams import read_entry, write_changed

    write_changed(*read_entry(args.audio), [Resample(args.rate)])


if __name__ == "__main__":
    run(main)
