"""Convert the audio of a data directory to another sample rate.

No audio is written: wav.scp is rewritten with commands that resample.

Called by utils/data/resample_data_dir.sh.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr resample-data-dir 8000 data/train",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--script",
        default="resample_data_dir",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument("rate", type=int, metavar="hz", help="sample rate in Hz")
    parser.add_argument("data_dir", type=Path, help="data directory to change")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Resample a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.wav_scp import resample_data_dir

    with speaking_as(args.script) as say:
        resample_data_dir(args.data_dir, args.rate, say)


if __name__ == "__main__":
    run(main)
