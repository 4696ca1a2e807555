"""Write a copy of a data directory with noise, babble, echo or other changes of its audio.

Audio files are written, so that a noisy test set is the same for every system. Ids do not change.

Called by utils/data/augment_data_dir.sh.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import speaking_as
from moeasr.limits import seed
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n"
        '  moeasr augment-data-dir --augment "[{type: babble, snr_db: [10, 10]}]" \\\n'
        "      data/test data/test_babble",
    )
    parser.add_argument(
        "--augment",
        required=True,
        metavar="LIST",
        help="augmentations as a YAML list, like `data.augment` of a config; each changes every "
        "utterance unless `prob` is given",
    )
    parser.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="seed of all random numbers (default: %(default)s)",
    )
    parser.add_argument(
        "--sample-rate",
        type=int,
        metavar="HZ",
        help="sample rate of the new audio in Hz (default: that of the first utterance)",
    )
    parser.add_argument(
        "--script",
        default="augment_data_dir",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument("source", type=Path, help="data directory to copy")
    parser.add_argument("target", type=Path, help="data directory to write")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Copy a data directory with augmented audio."""
    args = get_parser().parse_args(argv)
    from moeasr.audio.bounds import check_new_rate
    from moeasr.kaldi.augment_dir import augment_data_dir, read_augmentations

    with speaking_as(args.script) as say:
        if args.sample_rate is not None:
            check_new_rate(args.sample_rate)
        configs = read_augmentations(args.augment)
        augment_data_dir(args.source, args.target, configs, say, args.seed, args.sample_rate)


if __name__ == "__main__":
    run(main)
