"""Copy a data directory with its audio at another speed, which is added to its ids.

No audio is written: wav.scp contains commands that change the speed.

Called by utils/perturb_data_dir_speed.sh.
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
        epilog="example:\n  moeasr perturb-data-dir-speed 0.9 data/train data/train_speed0.9",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--keep-speakers",
        action="store_true",
        help="unchanged speaker ids, and the speed as a suffix of utterance ids, x-sp0.9 (default: "
        "the speed as a prefix of both, sp0.9-x)",
    )
    parser.add_argument(
        "--script",
        default="perturb_data_dir_speed",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument("factor", help="speed; 1 is the original speed, 2 twice as fast")
    parser.add_argument("source", type=Path, help="data directory to copy")
    parser.add_argument("target", type=Path, help="data directory to write")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Copy a data directory at another speed."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.speed import perturb_data_dir_speed

    with speaking_as(args.script) as say:
        perturb_data_dir_speed(args.source, args.target, args.factor, not args.keep_speakers, say)


if __name__ == "__main__":
    run(main)
