"""Change the speed of one recording, like sox's `speed`: the pipe of a perturbed wav.scp."""

import argparse

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Read audio, change tempo and pitch together by a factor, and write 16-bit "
        "WAV to standard output.",
        epilog="example:\n  moeasr perturb-speed 1.1 a.flac > a_fast.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("factor", type=float, help="speed, 1 = unchanged, 2 = twice as fast")
    parser.add_argument("audio", help="a file, `command |`, `file.ark:offset`, or - for stdin")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Perturb one recording."""
    args = get_parser().parse_args(argv)
    from moeasr.audio.programs import Speed
    from moeasr.audio.standard_streams import read_entry, write_changed

    write_changed(*read_entry(args.audio), [Speed(args.factor)])


if __name__ == "__main__":
    run(main)
