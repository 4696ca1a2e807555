"""Change the volume of one recording, like sox's `--vol`: the pipe of a perturbed wav.scp."""

import argparse

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Read audio, multiply its samples by a factor, and write 16-bit WAV to "
        "standard output; what becomes too loud for 16 bits is cut off.",
        epilog="example:\n  moeasr perturb-volume 0.5 a.flac > a_quiet.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("factor", type=float, help="amplitude, 1 = unchanged, 0.5 = half")
    parser.add_argument("audio", help="a file, `command |`, `file.ark:offset`, or - for stdin")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Perturb one recording."""
    args = get_parser().parse_args(argv)
    from moeasr.audio.programs import Volume
    from moeasr.audio.standard_streams import read_entry, write_changed

    write_changed(*read_entry(args.audio), [Volume(args.factor)])


if __name__ == "__main__":
    run(main)
