"""Speed-perturb a data directory on paper; the work of utils/perturb_data_dir_speed.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Write a data directory whose wav.scp yields the audio of another at another "
        "speed, under ids that tell so.",
        epilog="example:\n  moeasr perturb-data-dir-speed 0.9 data/train data/train_speed0.9",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--keep-speakers",
        action="store_true",
        help="mark utterances behind their id (x-sp0.9) and leave speakers as they are; by "
        "default both are marked in front (sp0.9-x)",
    )
    parser.add_argument("--script", default="perturb_data_dir_speed", help="name to speak under")
    parser.add_argument("factor", help="speed, 1 = unchanged")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Perturb one directory."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.speed import perturb_data_dir_speed

    with speaking_as(args.script) as say:
        perturb_data_dir_speed(args.source, args.target, args.factor, not args.keep_speakers, say)


if __name__ == "__main__":
    run(main)
