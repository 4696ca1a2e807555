"""Change the tempo and the pitch of a recording by a factor.

Writes 16-bit WAV to standard output.

Entries of wav.scp call this command after utils/perturb_data_dir_speed.sh.
"""

import argparse

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr perturb-speed 1.1 a.flac > a_fast.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "factor", type=float, help="speed; 1 is the original speed, 2 twice as fast"
    )
    parser.add_argument(
        "audio", help="audio file, `command |`, `file.ark:offset`, or - for standard input"
    )
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Change the speed of a recording."""
    args = get_parser().parse_args(argv)
    from moeasr.audio.programs import Speed
    from moeasr.audio.standard_streams import read_entry, write_changed

    write_changed(*read_entry(args.audio), [Speed(args.factor)])


if __name__ == "__main__":
    run(main)
